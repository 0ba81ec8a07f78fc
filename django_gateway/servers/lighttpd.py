"""lighttpd with mod_cgi: a small web server in one process, on the supervisor's socket."""

from __future__ import annotations

from . import program
from .base import Command, Launch
from .cgi import SCRIPT, CGIServer, passed_on, quoted

_PID = "lighttpd.pid"


class Lighttpd(CGIServer):
    name = "lighttpd"
    title = "lighttpd"

    def version(self) -> str:
        return program.version(program.require(self.title, "lighttpd", "lighttpd"))

    def command(self, launch: Launch) -> Command:
        server = program.find("lighttpd") or "lighttpd"
        configuration = launch.folder / "lighttpd.conf"
        # It takes its socket as systemd hands one over.
        activation = (*launch.python, "-m", "django_gateway.workers.activate", str(launch.sockets[0]))
        # SIGINT lets requests finish, SIGTERM does not.
        argv = ("SIGINT", *activation, server, "-D", "-f", str(configuration))
        return self.keeper(launch, argv, ready=[_PID], files={configuration: _configuration(launch)})


def _configuration(launch: Launch) -> str:
    folder, (host, port) = launch.folder, launch.address
    variables = "".join(f'    "{name}" => env.{name},\n' for name in sorted(passed_on(launch.environment)))
    return f"""\
# Written by gatewayserve.
server.document-root = {quoted(folder)}
server.bind = {quoted(f"[{host}]" if ":" in host else host)}
server.port = {port}
server.systemd-socket-activation = "enable"
server.pid-file = {quoted(folder / _PID)}
server.errorlog = {quoted(folder / "error.log")}
server.upload-dirs = ( {quoted(folder)} )
server.modules = ( "mod_alias", "mod_setenv", "mod_cgi" )

# Bytes go through as they come, both ways.
server.stream-request-body = 2
server.stream-response-body = 2
server.max-request-size = 0
server.max-write-idle = 3600

# Every path is the script's: SCRIPT_NAME is empty, PATH_INFO is all of it.
alias.url = ( "" => {quoted(folder / SCRIPT)} )
cgi.assign = ( "" => "" )
server.http-parseopts = ( "url-path-2f-decode" => "enable" )

setenv.add-environment = (
{variables})
"""


server = Lighttpd()
