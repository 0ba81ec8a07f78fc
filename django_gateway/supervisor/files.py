"""Which folders are watched, and which changed files make the project restart. Pure but for listing folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .preload import is_installed

#: Folders in which no part of a running project is.
_SKIPPED: Final = {
    "__pycache__",
    "node_modules",
    "bower_components",
    "site-packages",
    "htmlcov",
}
#: Code, templates, translations. Static files are read when they are asked for: they need no restart. Text and XML are
#: templates only where templates lie: elsewhere they are logs, exports and lists of requirements.
_SUFFIXES: Final = (".py", ".html", ".htm", ".jinja", ".jinja2", ".j2", ".mo")
#: Where Django's template engines look inside an app.
_TEMPLATES: Final = (f"{os.sep}templates{os.sep}", f"{os.sep}jinja2{os.sep}")
_CODE: Final = (".py", ".so", ".mo")
#: More folders than a project has: something like a home folder or a data folder is being watched.
MOST_FOLDERS: Final = 4000


@dataclass(frozen=True)
class Tree:
    """The project's files. ``data`` are folders that the running project writes to (media, collected static files);
    ``templates`` those in which every file is a template, whatever its name.
    """

    roots: tuple[Path, ...]
    data: tuple[Path, ...] = ()
    templates: tuple[Path, ...] = ()

    def folders(self) -> list[str]:
        """Every folder to watch below the roots, at most MOST_FOLDERS."""
        found: dict[str, None] = {}
        for root in (*self.roots, *self.templates):
            for folder in self._walk(os.fspath(root)):
                found[folder] = None
                if len(found) >= MOST_FOLDERS:
                    return list(found)
        return list(found)

    def _walk(self, top: str) -> Iterator[str]:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
            except OSError:
                continue
            yield folder
            waiting += (path for path in inner if self.has_code(path))

    def has_code(self, folder: str) -> bool:
        """Whether a folder inside a watched one is to be watched too."""
        name = os.path.basename(folder)
        if name in _SKIPPED or name.startswith(".") or any(folder == str(path) for path in self.data):
            return False
        return not is_environment(folder)

    def matters(self, path: str) -> bool:
        """Whether a change of this file may change what the project does."""
        name = os.path.basename(path)
        if is_dotenv(name):
            return not is_installed(path)
        if name.startswith((".", "~")) or name.endswith("~"):
            return False  # editors' own
        if is_installed(path):
            return name.endswith(_CODE)
        if any(_below(path, folder) for folder in self.data):
            return False
        return name.endswith(_SUFFIXES) or self._is_template(path)

    def _is_template(self, path: str) -> bool:
        if any(_below(path, folder) for folder in self.templates):
            return True
        # Below the root: the project itself may lie in a folder of such a name.
        inside = next((path[len(str(root)) :] for root in self.roots if _below(path, root)), "")
        return any(folder in inside for folder in _TEMPLATES)


def is_dotenv(name: str) -> bool:
    return name == ".env" or name.startswith(".env.") or name.endswith(".env")


def is_environment(folder: str) -> bool:
    """Whether it is a virtual environment, whatever its name."""
    return os.path.exists(os.path.join(folder, "pyvenv.cfg"))


def folders_of(files: Iterable[str | None]) -> set[str]:
    """The folders in which imported modules lie."""
    return {os.path.dirname(path) for path in files if path and os.path.isabs(path)}


def shown(path: str, root: Path) -> str:
    """A path as people know it: from the project's folder on."""
    try:
        return str(Path(path).relative_to(root))
    except ValueError:
        return path


def _below(path: str, folder: Path) -> bool:
    return path.startswith(f"{folder}{os.sep}")
