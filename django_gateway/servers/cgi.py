"""What the adapters of web servers that run CGI scripts share: the script, its environment, the server's keeper."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from .base import Command, Interface, Launch, Server, ServerError
from .options import Options

SCRIPT: Final = "gateway.cgi"
#: Variables that were changed in the project's .env files since the web server was started.
CHANGES: Final = "environment"

#: What a request brings (RFC 3875 and what web servers add to it), and what is about one process alone: such variables
#: of our own environment are kept from the scripts.
_NOT_PASSED: Final = frozenset(
    {
        *("AUTH_TYPE", "DOCUMENT_ROOT", "DOCUMENT_URI", "GATEWAY_INTERFACE", "HTTPS", "QUERY_STRING", "UNIQUE_ID"),
        *("SERVER_ADDR", "SERVER_ADMIN", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SIGNATURE"),
        *("SERVER_SOFTWARE", "GATEWAY_RECEIVED", "FCGI_ROLE", "NO_BUFFERING"),
        *("GATEWAY_CHANNEL", "GATEWAY_SPARE", "GATEWAY_SUPERVISOR", "GATEWAY_TERMINAL"),
        *("LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "OLDPWD", "PWD", "SHLVL", "_"),
    }
)
_REQUEST: Final = ("CONTENT_", "HTTP_", "PATH_", "REDIRECT_", "REMOTE_", "REQUEST_", "SCRIPT_")

#: A Unix socket's path, with room for the process id that Apache adds (sun_path takes 108 bytes, one of them a NUL).
_LONGEST: Final = 96


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of our environment that scripts get besides the request."""
    return {
        name: value
        for name, value in environment.items()
        if name.isascii() and name.isidentifier() and name not in _NOT_PASSED and not name.startswith(_REQUEST)
    }


def socket_path(folder: Path, name: str) -> str:
    """Where a program that runs in ``folder`` finds the socket, in a form that is not too long for one."""
    path = folder / name
    return str(path) if len(os.fsencode(path)) <= _LONGEST else f"/proc/self/cwd/{name}"


def quoted(text: object) -> str:
    """A string of the configuration languages of Apache, lighttpd and nginx."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class CGIServer(Server):
    distribution = ""  # of no Python package
    interfaces = frozenset({"cgi"})
    #: Processes come and go with the requests; the supervisor starts the one that starts them.
    forks = True
    restarts = False

    def check(self, options: Options, interface: Interface) -> None:
        super().check(options, interface)
        if options.workers != 1:
            raise ServerError("CGI starts a process for each request, as many as there are: leave --workers out.")

    def script(self, launch: Launch) -> dict[Path, str]:
        python = shlex.join((*launch.python, "-m", "django_gateway.workers.cgi", str(launch.folder / CHANGES)))
        text = (
            "#!/bin/sh\n"
            "# What the web server starts for each request; gatewayserve writes it anew each time.\n"
            f"cd {shlex.quote(str(launch.directory))} && exec {python}\n"
        )
        return {launch.folder / SCRIPT: text}

    def keeper(
        self,
        launch: Launch,
        *programs: tuple[str, ...],
        ready: Iterable[str],
        files: Mapping[Path, str],
        listen: str | None = None,
    ) -> Command:
        """The process that keeps the web server: it starts ``programs``, each after the signal that ends it in peace.

        They run in the launch's folder, and serve when the files called ``ready`` are in it. The last of them gets the
        listening socket; those before it have the Unix socket called ``listen`` in that folder as standard input.
        """
        argv = [*launch.python, "-m", "django_gateway.workers.cgi_server"]
        if not self.binds:
            argv += ["--fd", str(launch.sockets[0])]
        if listen is not None:
            argv += ["--listen", listen]
        argv += [str(launch.folder), *ready]
        for program in programs:
            argv += ["--", *program]
        return Command(argv=(*argv, *launch.options.arguments), files={**self.script(launch), **files})
