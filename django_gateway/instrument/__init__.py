"""What makes the inside of Django visible: patches, present only while recording is on, each put back by identity."""

from __future__ import annotations

import threading
from typing import Any

_lock = threading.Lock()
_installed: list[tuple[Any, str, Any]] = []

_ABSENT: Any = object()


def install() -> None:
    """Patch Django and asgiref; once, however often it is called. Handlers built before keep their plain chain."""
    from . import crossings, exceptions, handler, middleware, signals, view

    with _lock:
        if not _installed:
            for part in (handler, middleware, signals, view, exceptions, crossings):
                for owner, name, replacement in part.patches():
                    _installed.append((owner, name, vars(owner).get(name, _ABSENT)))
                    setattr(owner, name, replacement)


def uninstall() -> None:
    """Put back what was there, in reverse."""
    with _lock:
        while _installed:
            owner, name, original = _installed.pop()
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


def is_installed() -> bool:
    return bool(_installed)
