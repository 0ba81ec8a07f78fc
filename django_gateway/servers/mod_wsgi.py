"""Apache with mod_wsgi in daemon mode: the module embeds Python, whichever it was built for."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from . import apache, program
from .base import Command, Interface, Launch, ServerError
from .cgi import CHANGES, CGIServer, quoted, socket_path
from .options import Options

SCRIPT = "gateway.wsgi"
_NEEDED = ("mpm_event", "authz_core")


class ModWSGI(CGIServer):
    """It is kept as the web servers for CGI are, and a changed file needs no restart of Apache either."""

    name = "mod_wsgi"
    title = "Apache's mod_wsgi"
    interfaces = frozenset({"wsgi"})
    can = frozenset({"threads"})
    binds = True
    logs_requests = False

    def version(self) -> str:
        program.require("Apache", "apache2", "apache2", "httpd")
        # The module says its version to Apache alone.
        found = re.search(rb"\0([4-9]\.\d+\.\d+)\0", _module().read_bytes())
        return found[1].decode() if found else "of an unknown version"

    def check(self, options: Options, interface: Interface) -> None:
        super(CGIServer, self).check(options, interface)
        apache.may_serve()

    def command(self, launch: Launch) -> Command:
        configuration, script = launch.folder / "apache.conf", launch.folder / SCRIPT
        files = {configuration: _configuration(launch), script: _script(launch)}
        argv = [*launch.python, "-m", "django_gateway.workers.mod_wsgi", str(launch.folder), apache.PID]
        argv += ["--", "SIGWINCH", *apache.program_as_somebody(), "-DFOREGROUND", "-f", str(configuration)]
        return Command(argv=(*argv, *launch.options.arguments), files=files)


def _modules() -> Iterator[Path]:
    """Where a module may be: of mod_wsgi-express in this environment first, then the distribution's."""
    package = importlib.util.find_spec("mod_wsgi")
    for place in (package.submodule_search_locations or ()) if package else ():
        yield from sorted(Path(place, "server").glob("mod_wsgi*.so"))
    for folder in apache.MODULES:
        yield from sorted(Path(folder).glob("mod_wsgi*.so*"))


def _module() -> Path:
    """The module for this version of Python. Raises ServerError."""
    mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
    others = set()
    for module in _modules():
        # mod_wsgi.so-3.11 of Debian, mod_wsgi-py311.cpython-311-….so of mod_wsgi-express.
        found = re.search(r"so-(\d)\.(\d+)$|-py(\d)(\d+)", module.resolve().name)
        its = ".".join(part for part in found.groups() if part) if found else mine
        if its == mine:
            return module.resolve()
        others.add(its)
    if others:
        raise ServerError(f"mod_wsgi is here for Python {', '.join(sorted(others))} only, and this is Python {mine}.")
    raise ServerError("mod_wsgi is not installed. To install it: apt install libapache2-mod-wsgi-py3")


def _script(launch: Launch) -> str:
    return f"""\
# What mod_wsgi imports; gatewayserve writes it anew each time.
import os

os.chdir({str(launch.directory)!r})
os.environ["GATEWAY_CHECKS"] = "0"  # another process runs them

from django_gateway.workers.cgi import apply_changes

apply_changes({str(launch.folder / CHANGES)!r})

from django_gateway.workers.application import wsgi as application
"""


def _configuration(launch: Launch) -> str:
    folder = launch.folder
    paths = [*launch.environment.get("PYTHONPATH", "").split(os.pathsep), *_installed()]
    path = os.pathsep.join(dict.fromkeys(filter(None, paths)))
    threads = launch.options.threads or 15
    return f"""\
{apache.opening(launch, _NEEDED, wsgi=_module())}ErrorLogFormat "%M"

WSGISocketPrefix {quoted(socket_path(folder, "wsgi"))}
WSGIDaemonProcess gateway processes={launch.options.workers} threads={threads} python-path={quoted(path)} \\
    shutdown-timeout={launch.grace:.0f} lang=C.UTF-8 locale=C.UTF-8
WSGIProcessGroup gateway
WSGIApplicationGroup %{{GLOBAL}}
WSGIChunkedRequest On
WSGIPassAuthorization On
WSGIScriptAlias / {quoted(folder / SCRIPT)}
<Directory {quoted(folder)}>
    Require all granted
</Directory>
"""


def _installed() -> list[str]:
    return [sysconfig.get_path(name) for name in ("purelib", "platlib")]


server = ModWSGI()
