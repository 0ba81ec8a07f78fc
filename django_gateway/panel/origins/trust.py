"""Values that a server took from a proxy's headers, as can be told by comparing the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .base import Origin

_SCHEMES: Final = frozenset({"scheme", "wsgi.url_scheme"})
_SECURE: Final = {"https": "https", "wss": "https", "http": "http", "ws": "http"}


def refine(origin: Origin, key: str, value: Any, headers: Mapping[str, str], server: str) -> Origin:
    """``headers`` by names in small letters. A value that says what a proxy's header says, and nothing else would
    have said, was believed; which is right only where nobody but that proxy can reach the server.
    """
    if key in _SCHEMES:
        proto = headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
        if proto and _SECURE.get(str(value)) == proto == "https":
            return origin._replace(source=f"X-Forwarded-Proto, trusted by {server}")
    if key in ("client", "REMOTE_ADDR"):
        address = str(value[0]) if isinstance(value, list) and value else str(value)
        forwarded = [part.strip() for part in headers.get("x-forwarded-for", "").split(",")]
        if address and address in forwarded and (key == "REMOTE_ADDR" or _portless(value)):
            return origin._replace(source=f"X-Forwarded-For, trusted by {server}")
        if not value:
            return origin._replace(source="nothing: the peer is a Unix socket")
    if key in ("SCRIPT_NAME", "root_path") and not value:
        return origin._replace(source="server option; not set")
    return origin


def _portless(value: Any) -> bool:
    """Servers that believe X-Forwarded-For know no port: they give 0."""
    return isinstance(value, list) and len(value) > 1 and value[1] in (0, None, "0", "")
