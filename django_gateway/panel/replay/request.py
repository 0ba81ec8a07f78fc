"""What of a recorded request can be sent again, and what can't."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...concealment import HIDDEN

#: Methods that change nothing by definition (RFC 9110, 9.2.1).
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Of one connection, or said anew for the new one.
_DROPPED: Final = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade", "expect"}
    | {"proxy", "proxy-authorization", "proxy-connection", "forwarded", "via", "x-forwarded-for"}
    | {"x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip"}
)
#: Where credentials are; what of them was recorded is hidden, and what was not hidden is left out all the same.
_CREDENTIALS: Final = frozenset({"cookie", "authorization", "x-csrftoken", "x-api-key"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_TARGET: Final = re.compile(r"/[\x21-\x7e]*", re.ASCII)
LONGEST: Final = 16_000


@dataclass(frozen=True)
class Plan:
    method: str
    #: In origin form: a path, perhaps a query. Never another host's.
    target: str
    headers: list[tuple[str, str]]
    #: Names of headers that are not sent.
    left_out: list[str]
    #: Why it can't be sent at all; "" where it can.
    impossible: str
    #: Sentences about what will be different.
    differences: list[str]
    #: Whether whoever sends it has to say so: it may change something.
    asks: bool


def plan(method: str | None, target: str, headers: Sequence[tuple[str, str]], *, body: int) -> Plan:
    """``target`` as it was recorded; ``body`` the size of the request's body, in bytes."""
    kept, left_out = [], []
    for name, value in headers:
        lowered = name.lower()
        if lowered in _DROPPED:
            continue
        fits = _TOKEN.fullmatch(name) and value.isprintable() and len(value) <= LONGEST and _latin(value)
        if lowered in _CREDENTIALS or HIDDEN in value or not fits:
            left_out.append(name)
        else:
            kept.append((name, value))
    differences = ["Host is the address that gatewayserve serves: the recorded one is not asked."]
    if left_out:
        differences.append(f"Left out, since values are hidden or can't be sent: {', '.join(left_out)[:300]}.")
    if body:
        differences.append(f"The body ({body:,} bytes) was not kept: the request is sent without one.")
    impossible = ""
    if method is None or _TOKEN.fullmatch(method) is None or method.upper() in ("CONNECT", "TRACE"):
        impossible = "This is no request that can be sent again: only HTTP requests are."
    elif _TARGET.fullmatch(target) is None or len(target) > LONGEST:
        impossible = "The target of this request can't be sent as it was recorded."
    return Plan(
        method=method or "",
        target=target,
        headers=kept,
        left_out=left_out,
        impossible=impossible,
        differences=differences,
        asks=bool(body) or (method or "").upper() not in SAFE,
    )


def _latin(value: str) -> bool:
    try:
        value.encode("latin-1")
    except UnicodeError:
        return False
    return True
