"""A WebSocket's conversation, one message a line, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final
from urllib.parse import urlencode

from ...events import EVENT_FIELDS
from ..closing import described
from ..timeline.spans import Happening, happening
from . import ending
from .base import Query, Subject, Values, page_of
from .payload import laid_out

_IN: Final = frozenset({"websocket.connect", "websocket.receive", "websocket.disconnect"})
_DIRECTIONS: Final = ("in", "out")
#: Where an event, flat as it was recorded, has its instant and what was said.
_INSTANT: Final = itemgetter(1)
_EXCERPTS: Final = {name: fields.index("excerpt") + 2 for name, fields in EVENT_FIELDS.items() if "excerpt" in fields}


def build(subject: Subject, query: Query) -> Values:
    exchange = subject.exchange
    find = query.get("find", "").strip()[:200]
    direction = query.get("direction", "")
    direction = direction if direction in _DIRECTIONS else ""
    # There may be tens of thousands: each is looked at, and only a page of them is read.
    events = sorted((event for event in exchange.trail if event[0].startswith("websocket.")), key=_INSTANT)
    wanted: Sequence[int] = range(len(events))
    if direction or find:
        wanted = [number for number in wanted if _wanted(events[number], direction, find.lower())]
    page = page_of(wanted, query)
    close = exchange.close
    return {
        "messages": page,
        "lines": [_line(number + 1, happening(events[number], exchange.started)) for number in page.items],
        "find": find,
        "direction": direction,
        "page_query": _query(find, direction),
        "whole": len(events),
        "excerpts": any(_excerpt(event) for event in events[:100]),
        "closing": close
        and {"code": close.code, "by": close.by, "reason": close.reason, **described(close.code)._asdict()},
        "dropped": exchange.sizes.dropped,
        "cut_short": ending.lines(exchange),
    }


def _query(find: str, direction: str) -> str:
    given = {name: value for name, value in (("find", find), ("direction", direction)) if value}
    return f"&{urlencode(given)}" if given else ""


def _wanted(event: Sequence[Any], direction: str, find: str) -> bool:
    if direction and direction != ("in" if event[0] in _IN else "out"):
        return False
    return not find or find in str(_excerpt(event) or "").lower()


def _excerpt(event: Sequence[Any]) -> Any:
    place = _EXCERPTS.get(event[0], 0)
    return event[place] if place and place < len(event) else None


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
        "payload": None if control else laid_out(str(event.fields.get("kind")), text, event.fields.get("size")),
        "took": None if event.returned is None else event.returned - event.at,
    }
