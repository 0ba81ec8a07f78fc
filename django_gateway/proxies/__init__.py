"""Web servers in front: how each is started from a folder of its own, and how its log is read.

The configuration comes from ``deploy``, which writes the same for a deployed site. Nothing here knows Django.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from ..servers.base import ServerError
from .base import Proxy, Sight

__all__ = ["NAMES", "Proxy", "Sight", "get"]

NAMES: Final = ("apache", "caddy", "nginx")


def get(name: str) -> Proxy:
    """The adapter of that name. Raises ServerError."""
    if name not in NAMES:
        raise ServerError(f"There is no proxy called {name!r}. Known proxies: {', '.join(NAMES)}.")
    proxy: Proxy = import_module(f"{__name__}.{name}").proxy
    return proxy
