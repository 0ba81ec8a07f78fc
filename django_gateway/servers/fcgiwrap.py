"""fcgiwrap behind nginx: nginx starts no scripts, so it hands the request to a program that does, over FastCGI."""

from __future__ import annotations

import os

from . import program
from .base import Command, Launch
from .cgi import SCRIPT, CGIServer, quoted, socket_path

_PID = "nginx.pid"
_SOCKET = "fcgi.sock"
#: How many scripts may run at a time: fcgiwrap has a process that waits for each.
_SCRIPTS = 16


class Fcgiwrap(CGIServer):
    name = "fcgiwrap"
    title = "fcgiwrap behind nginx"

    def version(self) -> str:
        """nginx's; fcgiwrap tells none."""
        program.require("fcgiwrap", "fcgiwrap", "fcgiwrap")
        return program.version(program.require("nginx", "nginx", "nginx"))

    def command(self, launch: Launch) -> Command:
        folder = launch.folder
        wrap, nginx = program.find("fcgiwrap") or "fcgiwrap", program.find("nginx") or "nginx"
        # Its socket is its standard input: nginx may be there first, and a request that is waiting even sooner.
        wrapping = ("SIGTERM", wrap, "-c", str(_SCRIPTS))
        # NGINX is how one nginx leaves its sockets to the next.
        inherited = ("env", f"NGINX={launch.sockets[0]};")
        # What it says before it has read its configuration is of no interest.
        serving = ("SIGQUIT", *inherited, nginx, "-p", f"{folder}/", "-c", "nginx.conf", "-e", "error.log")
        files = {folder / "nginx.conf": _configuration(launch)}
        return self.keeper(launch, wrapping, serving, ready=[_PID], files=files, listen=_SOCKET)


def _configuration(launch: Launch) -> str:
    folder, (host, port) = launch.folder, launch.address
    # As root it would take another user for its workers, who could not reach the project.
    user = "user root;\n" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"    {kind}_temp_path {quoted(folder / 'temporary')};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
# Written by gatewayserve.
{user}daemon off;
worker_processes 1;
pid {quoted(folder / _PID)};
error_log stderr error;
events {{ }}
http {{
{temporary}    access_log off;
    merge_slashes off;
    client_max_body_size 0;
    server {{
        listen {f"[{host}]" if ":" in host else host}:{port};
        location / {{
            fastcgi_pass {quoted(f"unix:{socket_path(folder, _SOCKET)}")};
            # Responses go through as they come. A request's body is read first: CGI has to be told its length.
            fastcgi_buffering off;
            fastcgi_read_timeout 1h;
            fastcgi_send_timeout 1h;
            fastcgi_param NO_BUFFERING 1;

            # Every path is the script's: SCRIPT_NAME is empty, PATH_INFO is all of it.
            fastcgi_param SCRIPT_FILENAME {quoted(folder / SCRIPT)};
            fastcgi_param SCRIPT_NAME "";
            fastcgi_param PATH_INFO $uri;
            fastcgi_param QUERY_STRING $args;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param REQUEST_SCHEME $scheme;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param GATEWAY_INTERFACE CGI/1.1;
            fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param SERVER_NAME $host;
            fastcgi_param SERVER_ADDR $server_addr;
            fastcgi_param SERVER_PORT $server_port;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param REMOTE_PORT $remote_port;
            # CVE-2016-5385: a header "Proxy" would become the variable that names the proxy to use.
            fastcgi_param HTTP_PROXY "";
            fastcgi_param GATEWAY_RECEIVED $msec;
        }}
    }}
}}
"""


server = Fcgiwrap()
