"""Hypercorn: ASGI on asyncio or, with ``-k uvloop``, on uvloop; HTTP/2 over TLS."""

from __future__ import annotations

from .base import Command, Launch, Server


class Hypercorn(Server):
    name = "hypercorn"
    title = "Hypercorn"
    distribution = extra = "hypercorn"
    interfaces = frozenset({"asgi"})
    can = frozenset({"https", "unix"})
    waits = True
    logs_requests = False

    def command(self, launch: Launch) -> Command:
        argv = [*launch.python, "-m", "django_gateway.workers.hypercorn", "--bind", f"fd://{launch.sockets[0]}"]
        # Without workers of its own it serves in this very process.
        argv += ["--workers", "0", "--log-level", "error", "--graceful-timeout", f"{launch.grace:g}"]
        if launch.certificate is not None:
            argv += ["--certfile", str(launch.certificate.chain), "--keyfile", str(launch.certificate.key)]
        return Command(argv=(*argv, *launch.options.arguments, "django_gateway.workers.asgi:application"))


server = Hypercorn()
