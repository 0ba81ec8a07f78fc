"""How an exchange was cut short: who noticed, what was cancelled for it, and what ran on all the same.

Pure functions over a trail. What came to its end has none of this; neither has a WebSocket that was closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from .events import EVENT_FIELDS
from .exchange import Exchange
from .phases import Happening, happenings

NOTICED: Final = "noticed"
CANCELLED: Final = "cancelled"
RAN_ON: Final = "ran_on"

_GONE: Final = frozenset({"http.disconnect", "cgi.disconnect", "wsgi.abandoned", "asgi.cancelled"})
_SENDS: Final = frozenset({"http.response.start", "http.response.body", "websocket.accept", "websocket.send"})
_STOPPED: Final = frozenset({"CancelledError", "GeneratorExit"})
_FAILED: Final = frozenset({"django.view.failed", "channels.dispatch.failed"})
_TELLING: Final = _GONE | _FAILED | {"django.cancelled", "crossing.to_thread", "crossing.ran_on"}
#: Where an event of which there may be thousands says when it came back.
_RETURNED: Final = {name: EVENT_FIELDS[name].index("returned") + 2 for name in _SENDS}
_MORE_BODY: Final = EVENT_FIELDS["http.response.body"].index("more_body") + 2


class Step(msgspec.Struct, frozen=True):
    """``at`` and ``until`` in nanoseconds from the exchange's start."""

    #: NOTICED, CANCELLED or RAN_ON.
    kind: str
    #: The event that says so; of what ran on, the crossing's.
    event: str
    at: int
    #: The view, handler, function or method.
    name: str | None = None
    thread: str | None = None
    #: Of what ran on, when it ended; None where it outlived the exchange.
    until: int | None = None
    #: Of a crossing, whether the function had begun.
    begun: bool = True


def cut_short(exchange: Exchange) -> list[Step]:
    """In the order of time; empty for what was not cut short."""
    trail = happenings(exchange, _matters)
    complete = min((each.at for each in trail if _completes(each)), default=None)
    found = [step for each in trail for step in _steps(exchange, each, trail)]
    if complete is not None:
        # A disconnect after a complete answer says nothing.
        found = [step for step in found if step.event != "http.disconnect" or step.at < complete]
    return sorted(found, key=lambda step: step.at)


def _matters(event: Any) -> bool:
    """Whether an event, as it lies in the trail, may say anything of this."""
    name = event[0]
    if name not in _RETURNED:
        return name in _TELLING
    place = _RETURNED[name]
    return len(event) <= place or event[place] is None or (name == "http.response.body" and not event[_MORE_BODY])


def _completes(event: Happening) -> bool:
    return event.name == "http.response.body" and not event.fields["more_body"] and event.fields["returned"] is not None


def _steps(exchange: Exchange, event: Happening, trail: list[Happening]) -> Iterator[Step]:
    fields = event.fields
    if event.name in _GONE:
        if event.name != "cgi.disconnect" or exchange.method != "HEAD":  # whose body is nobody's
            yield Step(NOTICED, event.name, event.at, fields.get("reason"))
    elif event.name in _SENDS and fields["returned"] is None:
        yield Step(NOTICED, event.name, event.at)
    elif event.name == "django.cancelled":
        yield Step(CANCELLED, event.name, event.at, fields["during"])
    elif event.name in _FAILED and fields["exception"] in _STOPPED:
        yield Step(CANCELLED, event.name, event.at, fields.get("view") or f"{fields['consumer']}.{fields['handler']}")
    elif event.name == "crossing.to_thread" and fields["left"] is None:
        yield from _crossing(exchange, event, trail)


def _crossing(exchange: Exchange, event: Happening, trail: list[Happening]) -> Iterator[Step]:
    """Its caller was cancelled. The function in the thread can't be, once it has begun."""
    fields = event.fields
    thread = exchange.threads.get(fields["thread"])
    name, gone, begun = fields["function"], fields["returned"], fields["entered"] is not None
    yield Step(CANCELLED, event.name, gone, name, thread, begun=begun)
    if begun:
        ended = (
            each.at
            for each in trail
            if each.name == "crossing.ran_on"
            and (each.fields["function"], each.fields["thread"]) == (name, fields["thread"])
            and each.at >= gone
        )
        yield Step(RAN_ON, event.name, gone, name, thread, next(ended, None))
