"""Waitress: one thread reads and writes for all connections, a pool of threads runs the application."""

from __future__ import annotations

from .base import Command, Launch, Server


class Waitress(Server):
    name = "waitress"
    title = "Waitress"
    distribution = extra = "waitress"
    interfaces = frozenset({"wsgi"})
    can = frozenset({"threads", "unix"})
    waits = True
    logs_requests = False

    def command(self, launch: Launch) -> Command:
        argv = [*launch.python, "-m", "django_gateway.workers.waitress", "--fd", str(launch.sockets[0])]
        if launch.options.threads is not None:
            argv += ["--threads", str(launch.options.threads)]
        return Command(argv=(*argv, *launch.options.arguments))


server = Waitress()
