"""Which server program this process runs, found out from within."""

from __future__ import annotations

import os
import socket
import sys
from functools import cache, lru_cache
from typing import Final

from .exchange import Server

_host = socket.gethostname()


@cache
def running_server() -> tuple[str | None, str | None]:
    """Name and version of the server program this process runs, from what was started; (None, None) if unknown.

    ASGI's scope does not name the server, so the program is asked: ``GATEWAY_SERVER`` ("name/version") is set by
    gatewayserve for its children, else the main module's package is looked at.
    """
    declared = os.environ.get("GATEWAY_SERVER")
    if declared:
        name, _, version = declared.partition("/")
        return name, version or None
    main = sys.modules.get("__main__")
    package = (getattr(main, "__package__", None) or os.path.basename(sys.argv[0] if sys.argv else "")).split(".")[0]
    if package not in _KNOWN_SERVERS:
        return None, None
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    try:
        return package, version_of(package)
    except PackageNotFoundError:
        return package, None


_KNOWN_SERVERS: Final = frozenset({"daphne", "uvicorn", "hypercorn", "granian", "gunicorn", "waitress", "cheroot"})


@lru_cache(1024)
def as_server(name: str | None, version: str | None, pid: int, thread: str) -> Server:
    return Server(name, version, pid, thread, _host)
