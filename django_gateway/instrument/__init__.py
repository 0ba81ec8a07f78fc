"""What makes the inside of Django visible: patches, present only while recording is on, each put back by identity."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from typing import Any

_lock = threading.Lock()
_installed: list[tuple[Any, str, Any]] = []

_ABSENT: Any = object()


def install(*, handlers: bool = True) -> None:
    """Patch Django and asgiref; once, however often it is called. Chains built before keep their plain middleware.

    Without ``handlers`` the handlers' entry stays as it is: then a recording begins with a wrapper or a middleware.
    """
    from . import body, chain, crossings, database, exceptions, handler, middleware, receivers, signals, view
    from .request_settings import tell

    with _lock:
        if not _installed:
            from . import standards

            parts = (middleware, chain, signals, receivers, view, body, exceptions, crossings, database)
            for part in (handler, *parts, standards) if handlers else parts:
                for owner, name, replacement in part.patches():
                    _installed.append((owner, name, vars(owner).get(name, _ABSENT)))
                    setattr(owner, name, replacement)
            tell()


def adopt(application: Any, interface: str) -> None:
    """Tell what the outermost application is made of, and watch its layers where they are Channels'.

    Channels is looked at only where the project has imported it: to others it would cost its import.
    """
    from .. import composition, facts
    from ..recording import faults

    try:
        facts.tell(f"{interface}.application", composition.tree(application))
        if interface == "asgi" and _installed and "channels.routing" in sys.modules:
            from . import channel_layers, channels

            add(channels.patches(application))
            add(channel_layers.patches(add))
    except Exception as fault:
        faults.note(fault)


def add(patches: Iterable[tuple[Any, str, Any]]) -> None:
    """More patches while others are in place; what is patched already stays as it is."""
    with _lock:
        patched = {(id(owner), name) for owner, name, _ in _installed}
        for owner, name, replacement in patches:
            if _installed and (id(owner), name) not in patched:
                patched.add((id(owner), name))
                _installed.append((owner, name, vars(owner).get(name, _ABSENT)))
                setattr(owner, name, replacement)


def uninstall() -> None:
    """Put back what was there, in reverse."""
    from .. import facts

    facts.forget()
    with _lock:
        while _installed:
            owner, name, original = _installed.pop()
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


def is_installed() -> bool:
    return bool(_installed)
