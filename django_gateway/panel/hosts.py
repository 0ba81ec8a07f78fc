"""Under which names the panel answers, and to whose pages.

A name that somebody else's DNS can point at this machine (DNS rebinding) is refused whatever ALLOWED_HOSTS allows:
names are compared whole. ``localhost`` and what ends in ``.localhost`` always mean the machine itself (RFC 6761).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST: Final = re.compile(
    r"(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII
)


def host_allowed(host: str, names: Collection[str]) -> bool:
    """Whether a Host header, with any port, names this machine or is one of ``names`` (lower case, without port)."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower()
    return name in _LOOPBACK or name.endswith(".localhost") or name in names


def exact_names(allowed_hosts: Iterable[str]) -> frozenset[str]:
    """The entries of ALLOWED_HOSTS that name one host: neither ``*`` nor ``.example.org``."""
    return frozenset(name.lower() for name in allowed_hosts if name and not name.startswith(".") and "*" not in name)


def origin_allowed(origin: str, host: str, *, secure: bool) -> bool:
    """Whether an Origin header is the one of pages that this very host serves.

    An https origin is accepted where the request itself came in by http: a proxy may have ended TLS. ``null`` and any
    other spelling of the host are refused, as nothing but equality is tried.
    """
    return origin == f"https://{host}" or (not secure and origin == f"http://{host}")


def from_other_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of another origin sent this request, other than by following a link.

    Only ever a reason to refuse: not every client sends these headers.
    """
    site = headers.get("Sec-Fetch-Site", "same-origin")
    return site not in ("same-origin", "none") and headers.get("Sec-Fetch-Mode", "") != "navigate"


def is_loopback_peer(meta: Mapping[str, Any]) -> bool:
    """Whether the other end of the connection is surely on this machine: a proxy's connection is not the client's."""
    if any(name in meta for name in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")):
        return False
    try:
        address = ipaddress.ip_address(str(meta.get("REMOTE_ADDR", "")))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
