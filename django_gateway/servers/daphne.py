"""Daphne: Django's reference server for ASGI; HTTP and WebSockets on one event loop."""

from __future__ import annotations

from .base import Command, Launch, Server


class Daphne(Server):
    name = "daphne"
    title = "Daphne"
    distribution = "daphne"
    interfaces = frozenset({"asgi"})
    waits = True

    def command(self, launch: Launch) -> Command:
        argv = [*launch.python, "-m", "django_gateway.workers.daphne", "--fd", str(launch.sockets[0])]
        return Command(argv=(*argv, *launch.options.arguments))


server = Daphne()
