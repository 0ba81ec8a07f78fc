"""A WebSocket's conversation, one message a line, a page at a time."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from ..closing import described
from ..timeline.spans import Happening
from .base import Query, Subject, Values, page_of

_IN: Final = frozenset({"websocket.connect", "websocket.receive", "websocket.disconnect"})
_DIRECTIONS: Final = ("in", "out")


def build(subject: Subject, query: Query) -> Values:
    exchange = subject.exchange
    find = query.get("find", "").strip()[:200]
    direction = query.get("direction", "")
    direction = direction if direction in _DIRECTIONS else ""
    events = subject.trail.named("websocket.")
    numbered: list[tuple[int, Happening]] = list(enumerate(events, 1))
    if direction or find:
        numbered = [(number, event) for number, event in numbered if _wanted(event, direction, find.lower())]
    page = page_of(numbered, query)
    close = exchange.close
    return {
        "messages": page,
        "lines": [_line(number, event) for number, event in page.items],
        "find": find,
        "direction": direction,
        "page_query": _query(find, direction),
        "whole": len(events),
        "excerpts": any(event.fields.get("excerpt") for event in events[:100]),
        "closing": close
        and {"code": close.code, "by": close.by, "reason": close.reason, **described(close.code)._asdict()},
        "dropped": exchange.sizes.dropped,
    }


def _query(find: str, direction: str) -> str:
    given = {name: value for name, value in (("find", find), ("direction", direction)) if value}
    return f"&{urlencode(given)}" if given else ""


def _wanted(event: Happening, direction: str, find: str) -> bool:
    if direction and direction != ("in" if event.name in _IN else "out"):
        return False
    return not find or find in str(event.fields.get("excerpt") or "").lower()


def _line(number: int, event: Happening) -> dict[str, Any]:
    kind = event.name.partition(".")[2]
    code = event.fields.get("code")
    control = kind not in ("receive", "send")
    subprotocol = event.fields.get("subprotocol")
    text = {
        "connect": "asks to connect",
        "accept": f"accepts, speaking {subprotocol}" if subprotocol else "accepts",
        "disconnect": f"is gone: {code} ({described(code).name})" if code is not None else "is gone",
        "close": f"closes with {code} ({described(code).name})" if code is not None else "closes",
    }.get(kind, str(event.fields.get("excerpt") or ""))
    return {
        "number": number,
        "direction": "in" if event.name in _IN else "out",
        "control": control,
        "kind": kind if control else str(event.fields.get("kind")),
        "size": None if control else event.fields.get("size"),
        "at": event.at,
        "text": text,
        "took": None if event.returned is None else event.returned - event.at,
    }
