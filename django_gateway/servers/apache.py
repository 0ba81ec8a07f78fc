"""Apache with mod_cgid: a daemon of its own starts the scripts, because Apache's workers have threads."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from . import program
from .base import Command, Interface, Launch, ServerError
from .cgi import SCRIPT, CGIServer, passed_on, quoted, socket_path
from .options import Options

_PROGRAMS = ("apache2", "httpd")
PID = "apache.pid"
_SOCKET = "cgid.sock"
#: Where distributions keep its modules.
MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules")
_NEEDED = ("mpm_event", "authz_core", "alias", "env", "headers", "setenvif", "cgid")
# Apache will not serve as root. Seen from a user namespace, root is somebody else, with root's own rights to its files.
_AS_SOMEBODY = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


class Apache(CGIServer):
    name = "apache"
    title = "Apache"
    binds = True

    def version(self) -> str:
        return program.version(program.require(self.title, "apache2", *_PROGRAMS))

    def check(self, options: Options, interface: Interface) -> None:
        super().check(options, interface)
        may_serve()
        modules(_NEEDED)

    def command(self, launch: Launch) -> Command:
        configuration = launch.folder / "apache.conf"
        argv = ("SIGWINCH", *program_as_somebody(), "-DFOREGROUND", "-f", str(configuration))
        return self.keeper(launch, argv, ready=[PID], files={configuration: _configuration(launch)})


def may_serve() -> None:
    """Raises ServerError where Apache will not."""
    if os.geteuid() == 0 and not _may_be_somebody():
        raise ServerError("Apache does not serve as root: be another user, or take another server.")


def program_as_somebody() -> tuple[str, ...]:
    """Apache's program, started in a way that it serves."""
    return (*as_somebody(), program.find(*_PROGRAMS) or "apache2")


def as_somebody() -> tuple[str, ...]:
    """What starts a program in a way that Apache would serve."""
    return _AS_SOMEBODY if os.geteuid() == 0 else ()


@cache
def _may_be_somebody() -> bool:
    try:
        return subprocess.run([*_AS_SOMEBODY, "true"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def modules(needed: Iterable[str]) -> Path:
    """The folder with all of these modules. Raises ServerError."""
    for folder in map(Path, MODULES):
        missing = [name for name in needed if not (folder / f"mod_{name}.so").is_file()]
        if not missing:
            return folder
        if folder.is_dir():
            raise ServerError(f"Apache is installed without {', '.join(f'mod_{name}' for name in missing)}.")
    raise ServerError(f"Apache's modules are in none of {', '.join(MODULES)}.")


def opening(launch: Launch, needed: Iterable[str], **others: Path) -> str:
    """How a configuration begins that serves on the launch's address. ``others`` are files of modules not Apache's."""
    folder, (host, port) = launch.folder, launch.address
    where = modules(needed)
    files = {name: where / f"mod_{name}.so" for name in needed} | others
    load = "".join(f"LoadModule {name}_module {quoted(path)}\n" for name, path in files.items())
    name = f"[{host}]" if ":" in host else host
    return f"""\
# Written by gatewayserve.
{load}
ServerRoot {quoted(folder)}
DefaultRuntimeDir {quoted(folder)}
DocumentRoot {quoted(folder)}
ServerName {name}
Listen {name}:{port}
PidFile {quoted(folder / PID)}
ErrorLog /dev/stderr
LogLevel error

StartServers 1
ServerLimit 4
ThreadsPerChild 32
MaxRequestWorkers 128
MinSpareThreads 1
MaxSpareThreads 128
Timeout 3600
GracefulShutDownTimeout 2

# %2F is a slash in PATH_INFO, as under every other gateway.
AllowEncodedSlashes On
MergeSlashes Off

"""


def _configuration(launch: Launch) -> str:
    folder = launch.folder
    variables = "".join(f"PassEnv {name}\n" for name in sorted(passed_on(launch.environment)))
    return f"""\
{opening(launch, _NEEDED)}UseCanonicalPhysicalPort On
ScriptSock {quoted(socket_path(folder, _SOCKET))}

# When the request came, in microseconds, from no header that a client could send.
RequestHeader set X-Gateway-Received "%t" early
SetEnvIf X-Gateway-Received "t=([0-9]+)" GATEWAY_RECEIVED=$1
RequestHeader unset X-Gateway-Received

# Every path is the script's: SCRIPT_NAME is empty, PATH_INFO is all of it.
ScriptAlias "/" {quoted(f"{folder / SCRIPT}/")}
<Directory {quoted(folder)}>
    Require all granted
    CGIPassAuth On
</Directory>

{variables}"""


server = Apache()
