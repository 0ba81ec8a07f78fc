"""What a spare may import ahead: modules that are installed, and that neither know the project nor ask Django about it.

Judged from what the last worker had imported, so a project's heavy libraries are among them.
"""

from __future__ import annotations

import site
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

#: With these in the process, what is imported before and after them matters: nothing is imported ahead.
_ORDER_MATTERS: Final = {"eventlet", "gevent"}
#: They watch imports, or patch what is imported later.
_NEVER: Final = {"coverage", "ddtrace", "debugpy", "newrelic", "opentelemetry", "pydevd", "sentry_sdk"}
#: They speak of Django in their source, but are known to leave its settings alone when imported.
_INDEPENDENT: Final = {
    "asgiref", "autobahn", "psycopg", "psycopg2", "pygments", "redis", "sqlparse", "twisted", "websockets",
}  # fmt: skip
#: So many packages may make spares unfit before none is trusted.
_MOST_EXCLUDED: Final = 5
#: What records in a worker, wherever it is installed.
_OURS: Final = tuple(
    f"django_gateway.{name}" for name in ("exchange", "instrument", "interfaces", "recording", "redaction", "stores")
)
#: Of Django and Channels: what defines or reads models, or is made from settings on import.
_DJANGO_CONTRIB: Final = "django.contrib."
_TOOLS: Final = {"daphne", "channels"}
_DEPENDENT: Final = {"channels.management", "channels.testing", "channels.apps", "daphne.apps", "daphne.checks"}


def _folders(*names: str) -> tuple[str, ...]:
    return tuple({f"{path}/" for name in names if (path := sysconfig.get_path(name))})


STANDARD: Final = _folders("stdlib", "platstdlib")
INSTALLED: Final = (
    *_folders("purelib", "platlib"),
    *(f"{path}/" for path in (*site.getsitepackages(), site.getusersitepackages())),
)


def is_installed(path: str) -> bool:
    """Whether a file is Python's own or a package's that was installed, rather than somebody's work."""
    return path.startswith((*STANDARD, *INSTALLED))


class Preload:
    """Learns about packages once each."""

    def __init__(self) -> None:
        #: Of each package: of how many of its modules it is known, and whether they speak of Django.
        self._speaks_of_django: dict[str, tuple[int, bool]] = {}
        self._excluded: set[str] = set()

    @property
    def cautious(self) -> bool:
        """Whether only Django and what Python brings are trusted any more."""
        return len(self._excluded) > _MOST_EXCLUDED

    def exclude(self, module: str) -> None:
        """A spare was made unfit by this module: leave it out from here on, and the package that it belongs to."""
        top = module.partition(".")[0]
        self._excluded.add(module if top == "django" else top)

    def choose(self, files: Mapping[str, str | None]) -> list[str]:
        """Of the modules of a worker, in its order of import, those that may be imported ahead."""
        if _ORDER_MATTERS & files.keys():
            return []
        packages: dict[str, list[str]] = {}
        for name, path in files.items():
            if path:
                packages.setdefault(name.partition(".")[0], []).append(path)
        return [name for name, path in files.items() if path and self._may(name, path, packages)]

    def _may(self, name: str, path: str, packages: Mapping[str, Sequence[str]]) -> bool:
        top = name.partition(".")[0]
        if top == "django_gateway":
            return name.startswith(_OURS)
        if not is_installed(path) or name.startswith("__") or {top, name} & (_NEVER | self._excluded):
            return False
        if top in sys.stdlib_module_names:
            return True
        if top == "django":
            return not name.startswith(_DJANGO_CONTRIB)
        if top in _TOOLS:
            return ".".join(name.split(".")[:2]) not in _DEPENDENT
        if top in _INDEPENDENT:
            return True
        return not self.cautious and not self._mentions_django(top, packages[top])

    def _mentions_django(self, top: str, paths: Sequence[str]) -> bool:
        count, speaks = self._speaks_of_django.get(top, (0, False))
        if count != len(paths):
            speaks = any(_mentions(path, b"django") for path in paths)
            self._speaks_of_django[top] = len(paths), speaks
        return speaks


def _mentions(path: str, word: bytes) -> bool:
    if not path.endswith(".py"):
        return False
    try:
        return word in Path(path).read_bytes()
    except OSError:
        return True
