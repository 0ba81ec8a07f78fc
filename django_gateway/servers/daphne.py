"""Daphne: Django's reference server for ASGI; HTTP and WebSockets on one event loop; HTTP/2 over TLS."""

from __future__ import annotations

from .base import Command, Launch, Server


class Daphne(Server):
    name = "daphne"
    title = "Daphne"
    distribution = "daphne"
    interfaces = frozenset({"asgi"})
    can = frozenset({"https", "unix"})
    waits = True

    def command(self, launch: Launch) -> Command:
        argv = [*launch.python, "-m", "django_gateway.workers.daphne", "--fd", str(launch.sockets[0])]
        if launch.certificate is not None:
            argv += ["--certfile", str(launch.certificate.chain), "--keyfile", str(launch.certificate.key)]
        return Command(argv=(*argv, *launch.options.arguments))


server = Daphne()
