"""uvicorn: one event loop a process, on uvloop where that is installed."""

from __future__ import annotations

from .base import Command, Launch, Server


class Uvicorn(Server):
    name = "uvicorn"
    title = "uvicorn"
    distribution = extra = "uvicorn"
    interfaces = frozenset({"asgi"})
    can = frozenset({"https", "unix"})
    waits = True
    logs_requests = False

    def command(self, launch: Launch) -> Command:
        argv = [*launch.python, "-m", "django_gateway.workers.uvicorn", "--fd", str(launch.sockets[0])]
        argv += ["--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", f"{launch.grace:g}"]
        if launch.certificate is not None:
            argv += ["--ssl-certfile", str(launch.certificate.chain), "--ssl-keyfile", str(launch.certificate.key)]
        return Command(argv=(*argv, *launch.options.arguments, launch.application))


server = Uvicorn()
