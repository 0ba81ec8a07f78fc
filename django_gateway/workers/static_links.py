"""``python -m django_gateway.workers.static_links FOLDER``: keep the project's static files there, as links.

What collectstatic would copy, found by the same finders: a proxy serves from the folder. A file that is added or
removed is there, or gone, a moment later; one that changes is the same file.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from .channel import channel


def make(folder: Path) -> None:
    targets = {folder / name: path for name, path in _found().items()}
    here = {path for path in folder.rglob("*") if path.is_symlink()}
    for link in here - targets.keys():
        link.unlink(missing_ok=True)
    for link, target in targets.items():
        if link in here and os.readlink(link) == target:
            continue
        with suppress(OSError):
            _put(link, target)


def _put(link: Path, target: str) -> None:
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    for parent in link.parents:
        if parent.is_symlink():  # a file's name that has become a folder's
            parent.unlink()
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.fresh")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _found() -> dict[str, str]:
    """Absolute paths by the names under STATIC_URL; the first finder that has a name wins."""
    found: dict[str, str] = {}
    for finder in _finders():
        for name, storage in finder.list([]):
            prefixed = os.path.join(getattr(storage, "prefix", None) or "", name)
            with suppress(NotImplementedError):  # a storage without files
                found.setdefault(prefixed, os.path.abspath(storage.path(name)))
    return found


def _roots() -> list[str]:
    storages = [storage for finder in _finders() for storage in getattr(finder, "storages", {}).values()]
    roots = {str(location) for storage in storages if (location := getattr(storage, "location", None))}
    return sorted(root for root in roots if os.path.isdir(root))


def _finders() -> list[Any]:
    from django.contrib.staticfiles.finders import get_finders

    return list(get_finders())


def main() -> None:
    folder = Path(sys.argv[1])
    # The workers say what is to be said about the project.
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    channel.hold_on()
    import django

    django.setup()
    folder.mkdir(parents=True, exist_ok=True)
    make(folder)
    channel.send("linked")
    from watchfiles import watch

    for _ in watch(*_roots(), raise_interrupt=False, ignore_permission_denied=True):
        make(folder)


if __name__ == "__main__":
    main()
