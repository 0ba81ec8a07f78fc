"""The embedded CGI host: what there is without any web server. It accepts, and starts one process a request."""

from __future__ import annotations

from .base import Command, Launch
from .cgi import SCRIPT, CGIServer


class Embedded(CGIServer):
    name = "embedded"
    title = "gatewayserve's own host"
    distribution = "django-gateway"

    def command(self, launch: Launch) -> Command:
        argv = (*launch.python, "-m", "django_gateway.workers.cgi_host", "--fd", str(launch.sockets[0]))
        arguments = (str(launch.folder), str(launch.folder / SCRIPT), *launch.options.arguments)
        return Command(argv=(*argv, *arguments), files=self.script(launch))


server = Embedded()
