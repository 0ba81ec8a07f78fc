"""Django's own server, the one of runserver: a thread for each connection."""

from __future__ import annotations

from .base import Command, Interface, Launch, Server, ServerError
from .options import Options


class Django(Server):
    name = "django"
    title = "Django's own server"
    distribution = "django"
    interfaces = frozenset({"wsgi"})
    can = frozenset({"threads"})
    waits = True

    def check(self, options: Options, interface: Interface) -> None:
        super().check(options, interface)
        if options.threads is not None and options.threads != 1:
            raise ServerError(f"{self.title} takes a thread for each connection: --threads can be 1 or left out.")

    def command(self, launch: Launch) -> Command:
        argv = [*launch.python, "-m", "django_gateway.workers.django_wsgi", "--fd", str(launch.sockets[0])]
        if launch.options.threads == 1:
            argv.append("--nothreading")
        return Command(argv=(*argv, *launch.options.arguments))


server = Django()
