"""What is served, and with which settings: told to the panel's process, which never imports the project.

``gatewayserve`` writes it into a file; a mounted panel asks its own process. Nothing in it is secret.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from . import conf
from .concealment import HIDDEN, userinfo

#: The environment variables that override a key of GATEWAY.
_VARIABLES: Final = {"ENABLED": "GATEWAY_ENABLED", "STORE": "GATEWAY_STORE"}
_SECRET: Final = re.compile(r"pass|secret|token|credential|signature|auth|api_?key|private", re.IGNORECASE)
#: An option of a command line with its value, in one word.
_OPTION: Final = re.compile(r"(--?[\w.-]+)=(.*)", re.DOTALL)


class Setting(msgspec.Struct, frozen=True):
    """One setting in force. ``source`` is "GATEWAY", "environment", "DEBUG", "default" or "refused"."""

    key: str
    value: str
    source: str
    #: The variable that set it, or what is wrong with what was given.
    detail: str = ""
    accepts: str = ""


class Another(msgspec.Struct, frozen=True):
    """A server that could serve the project as well. ``name`` is what ``gatewayserve --server`` takes."""

    interface: str
    name: str
    title: str
    version: str


class Served(msgspec.Struct, frozen=True):
    settings_module: str = ""
    #: The project's folder, BASE_DIR.
    root: str = ""
    #: The ``.gateway`` folder.
    folder: str = ""
    django: str = ""
    python: str = ""
    debug: bool = False
    settings: tuple[Setting, ...] = ()
    #: The dotted paths of the applications, ``testproject.wsgi.application``, by interface.
    applications: dict[str, str] = {}
    #: The files that define them, below ``root``, by interface.
    files: dict[str, str] = {}
    #: Through what gatewayserve serves: an interface, a server and its version; "" where something else serves.
    interface: str = ""
    server: str = ""
    version: str = ""
    workers: int = 0
    #: What else could, of this machine's servers.
    others: tuple[Another, ...] = ()
    #: The web server in front and its version; "" for none.
    proxy: str = ""
    #: Where the project answers: an IP address and a port, or the path of a Unix socket.
    host: str = ""
    port: int = 0
    unix: str = ""
    tls: bool = False
    #: Other than the panel's own defaults, the store's bounds.
    most_exchanges: int = 0
    most_bytes: int = 0


def of_project(given: Mapping[str, str] | None = None) -> Served:
    """Of this process' Django project. ``given`` are paths of applications in place of the settings' own."""
    import django
    from django.conf import settings

    current = conf.current()
    root = Path(os.path.abspath(getattr(settings, "BASE_DIR", None) or Path.cwd()))
    applications = {
        interface: str(path)
        for interface in ("wsgi", "asgi")
        if (path := getattr(settings, f"{interface.upper()}_APPLICATION", None))
    }
    applications.update(given or {})
    files = {name: file for name, path in applications.items() if (file := _file(path.partition(":")[0], root))}
    return Served(
        settings_module=str(getattr(settings, "SETTINGS_MODULE", "") or ""),
        root=str(root),
        folder=str(current.folder),
        django=django.get_version(),
        python=".".join(map(str, sys.version_info[:3])),
        debug=bool(settings.DEBUG),
        settings=in_force(getattr(settings, "GATEWAY", {}), current, os.environ),
        applications=applications,
        files=files,
        most_exchanges=current.capacity.exchanges,
        most_bytes=current.capacity.bytes,
    )


def read(path: Path) -> Served | None:
    """What gatewayserve wrote; None where that can't be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Served)
    except (OSError, msgspec.MsgspecError):
        return None


def write(served: Served) -> str:
    return msgspec.json.format(msgspec.json.encode(served), indent=1).decode()


def in_force(gateway: Any, current: conf.Settings, environment: Mapping[str, str]) -> tuple[Setting, ...]:
    """Each key of GATEWAY with its value in force, and who has set it."""
    given = gateway if isinstance(gateway, Mapping) else {}
    found = []
    for key, (default, accepts, words) in conf.KEYS.items():
        variable = _VARIABLES.get(key, "")
        value = _value(key, current, given.get(key, default))
        source, detail = "default", ""
        if variable and environment.get(variable) and not _overruled(variable, given, environment):
            source, detail = "environment", variable
        elif key in given and not accepts(given[key]):
            source, detail = "refused", f"GATEWAY[{key!r}] is not usable: it takes {words}."
        elif key in given and given[key] is not None:
            source = "GATEWAY"
        elif key in ("ENABLED", "PANEL"):
            source = "DEBUG"
        found.append(Setting(key, shown(key, value), source, detail, words))
    return tuple(found)


def _overruled(variable: str, given: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Whether what the variable says can't be used."""
    return any(problem.key == variable for problem in conf.problems(given, environment))


def _value(key: str, current: conf.Settings, otherwise: Any) -> Any:
    if key == "MAX_EXCHANGES":
        return current.capacity.exchanges
    if key == "MAX_BYTES":
        return current.capacity.bytes
    return getattr(current, key.lower(), otherwise)


def shown(key: str, value: Any) -> str:
    """As Python writes it, without what may be secret."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return userinfo(value) if isinstance(value, str) else repr(_concealed(key, value))


def _concealed(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _concealed(str(name), member) for name, member in value.items()}
    if _SECRET.search(key) and isinstance(value, str):
        return HIDDEN
    if isinstance(value, (list, tuple)):
        return [_argument(key, str(before), member) for before, member in zip(("", *value), value, strict=False)]
    return userinfo(value) if isinstance(value, str) else value


def _argument(key: str, before: str, value: Any) -> Any:
    """One of a list, where ``--password`` may stand before ``secret``, or the two in one word."""
    if not isinstance(value, str):
        return _concealed(key, value)
    if before.startswith("-") and "=" not in before and _SECRET.search(before) and not value.startswith("-"):
        return HIDDEN
    option = _OPTION.fullmatch(value)
    if option and _SECRET.search(option[1]):
        return f"{option[1]}={HIDDEN}"
    return userinfo(value)


def _file(module: str, root: Path) -> str:
    """The file of a dotted module below ``root``, found without importing anything; "" for none."""
    parts = module.split(".")
    for end in (len(parts), len(parts) - 1):
        names = parts[:end]
        if not names or not all(name.isidentifier() for name in names):
            continue
        for folder in (*sys.path, str(root)):
            path = Path(os.path.abspath(folder or ".")).joinpath(*names)
            for file in (path.with_suffix(".py"), path / "__init__.py"):
                if file.is_file() and file.resolve().is_relative_to(root.resolve()):
                    return str(file)
    return ""
