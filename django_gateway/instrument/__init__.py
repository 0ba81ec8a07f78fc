"""What makes the inside of Django visible: patches, present only while recording is on, each put back by identity."""

from __future__ import annotations

import threading
from typing import Any

_lock = threading.Lock()
_installed: list[tuple[Any, str, Any]] = []

_ABSENT: Any = object()


def install(*, handlers: bool = True) -> None:
    """Patch Django and asgiref; once, however often it is called. Chains built before keep their plain middleware.

    Without ``handlers`` the handlers' entry stays as it is: then a recording begins with a wrapper or a middleware.
    """
    from . import crossings, exceptions, handler, middleware, signals, view

    with _lock:
        if not _installed:
            parts = (middleware, signals, view, exceptions, crossings)
            for part in (handler, *parts) if handlers else parts:
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
