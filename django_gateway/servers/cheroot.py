"""Cheroot, CherryPy's server: a pool of threads."""

from __future__ import annotations

from .base import Command, Launch, Server


class Cheroot(Server):
    name = "cheroot"
    title = "Cheroot"
    distribution = extra = "cheroot"
    interfaces = frozenset({"wsgi"})
    can = frozenset({"threads", "https", "unix"})
    waits = True
    logs_requests = False

    def command(self, launch: Launch) -> Command:
        argv = [*launch.python, "-m", "django_gateway.workers.cheroot", "--fd", str(launch.sockets[0])]
        if launch.options.threads is not None:
            argv += ["--threads", str(launch.options.threads), "--max-threads", str(launch.options.threads)]
        if launch.certificate is not None:
            argv += ["--certificate", str(launch.certificate.chain), "--key", str(launch.certificate.key)]
        return Command(argv=(*argv, *launch.options.arguments))


server = Cheroot()
