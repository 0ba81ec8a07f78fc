"""By what an exchange is known to others that saw the same request: a proxy, a client, whoever read the wire."""

from __future__ import annotations

import re
from typing import Any, Final

from .exchange import Exchange, format_id
from .legible import decoded

#: Longer ones, and any with other characters, are nobody's identifiers.
_REQUEST_ID: Final = re.compile(r"[!-~]{1,128}")
#: https://www.w3.org/TR/trace-context/: version, trace-id, parent-id, flags.
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def request_id(value: Any) -> str | None:
    """A header ``X-Request-ID`` as it is kept, None for what is no identifier."""
    text = decoded(value)
    return text if _REQUEST_ID.fullmatch(text) else None


def trace_id(exchange: Exchange) -> str | None:
    """The trace that the request belongs to, by its header ``traceparent``; all requests of one trace share it."""
    for key, value in exchange.handover.entries if exchange.handover is not None else ():
        if key == "HTTP_TRACEPARENT":
            return _trace_id(value)
        if key == "headers" and isinstance(value, list):
            for name, text in value:
                if str(name).lower() == "traceparent":
                    return _trace_id(text)
    return None


def keys(exchange: Exchange) -> list[str]:
    """Every key under which a part of this exchange may be attached; the most particular is the last."""
    known = (trace_id(exchange), exchange.request_id, format_id(exchange.id))
    return [key for key in known if key is not None]


def _trace_id(text: Any) -> str | None:
    found = _TRACEPARENT.fullmatch(text) if isinstance(text, str) else None
    return found[1] if found and set(found[1]) != {"0"} else None
