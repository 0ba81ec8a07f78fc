"""The trail of an exchange, read: what lasted from when to when, and who crossed to where.

Every instant here is in nanoseconds from the exchange's start. What never ended ends with the exchange, and says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ...exchange import EVENT_FIELDS, Exchange
from .intervals import Interval, union

#: Name of the event without its last part → kind of the span.
_KINDS: Final = {
    "django.signal": "signal",
    "django.middleware": "middleware",
    "django.hook": "hook",
    "django.resolver": "resolver",
    "django.view": "view",
    "django.template": "template",
}
#: How many fields tell one span from another of its kind.
_KEYS: Final = {"signal": 1, "middleware": 1, "hook": 2, "resolver": 0, "view": 1, "template": 1}


class Span(NamedTuple):
    kind: str
    #: Of the signal, middleware, view, template or exception; "" for the resolver.
    name: str
    #: Mode of a middleware or view, name of a hook, route of a resolver, status that answers an exception.
    detail: str
    started: int
    finished: int
    #: Class of the exception that ended it.
    failed: str | None = None
    #: False where the exchange ended first.
    ended: bool = True


class Crossing(NamedTuple):
    #: "to_thread" or "to_loop".
    direction: str
    function: str
    #: Name (or number, where it has none) of the thread on the other side.
    thread: str
    started: int
    #: None where the other side was never reached, or never left.
    entered: int | None
    left: int | None
    returned: int

    @property
    def waited(self) -> list[Interval]:
        """When neither side worked: on the way there, and on the way back."""
        if self.entered is None:
            return union([(self.started, self.returned)])
        if self.left is None:
            return union([(self.started, self.entered)])
        return union([(self.started, self.entered), (self.left, self.returned)])

    @property
    def ran(self) -> Interval | None:
        if self.entered is None:
            return None
        return self.entered, self.returned if self.left is None else self.left

    @property
    def cost(self) -> int:
        return sum(end - start for start, end in self.waited)


class Happening(NamedTuple):
    """An event of the interface, or any other that is an instant. ``returned`` is when the server's send() was back."""

    name: str
    at: int
    fields: dict[str, Any]
    returned: int | None = None


class Trail(NamedTuple):
    #: From the start to the end, or to the last event of what has no end.
    extent: int
    spans: list[Span]
    crossings: list[Crossing]
    happenings: list[Happening]

    def of(self, kind: str) -> list[Span]:
        return [span for span in self.spans if span.kind == kind]

    def named(self, prefix: str) -> list[Happening]:
        return [happening for happening in self.happenings if happening.name.startswith(prefix)]


def read(exchange: Exchange, elapsed: int = 0) -> Trail:
    """``elapsed`` is how long an exchange in flight has lasted by now, as far as is known."""
    origin = exchange.started
    spans: list[Span] = []
    opened: dict[tuple[Any, ...], list[tuple[int, tuple[Any, ...]]]] = {}
    crossings: list[Crossing] = []
    happenings: list[Happening] = []
    instants: list[int] = []
    last = 0
    for name, instant, *fields in exchange.trail:
        at = instant - origin
        last = max(last, at, *_instants(name, fields, origin))
        stem, _, phase = name.rpartition(".")
        kind = _KINDS.get(stem)
        if kind is not None:
            key = (kind, *fields[: _KEYS[kind]])
            if phase == "started":
                opened.setdefault(key, []).append((at, tuple(fields)))
            elif opened.get(key):
                spans.append(_span(kind, *opened[key].pop(), at, phase, fields))
        elif stem == "crossing":
            crossings.append(_crossing(phase, at, fields, origin, exchange.threads))
        else:
            happenings.append(_happening(name, at, fields, origin))
        instants.append(at)
    extent = max(last, elapsed) if exchange.duration is None else max(last, exchange.duration)
    for (kind, *_), starts in opened.items():
        spans += [_span(kind, at, fields, extent, "", []) for at, fields in starts]
    instants.sort()
    for event in happenings:
        if event.name == "django.exception":
            # Its answer is made from that instant until the next thing happens.
            after = bisect_right(instants, event.at)
            until = instants[after] if after < len(instants) else extent
            exception, status = str(event.fields["exception"]), str(event.fields["status"])
            spans.append(Span("exception", exception, status, event.at, until))
    spans.sort(key=lambda span: (span.started, -span.finished))
    crossings.sort(key=lambda crossing: crossing.started)
    happenings.sort(key=lambda happening: happening.at)
    return Trail(max(extent, 1), spans, crossings, happenings)


def _instants(name: str, fields: list[Any], origin: int) -> Iterator[int]:
    for field, value in zip(EVENT_FIELDS.get(name, ()), fields, strict=False):
        if field in ("returned", "left") and value is not None:
            yield value - origin


def _span(kind: str, started: int, fields: tuple[Any, ...], at: int, phase: str, ending: list[Any]) -> Span:
    failed = str(ending[-1]) if phase == "failed" and ending else None
    if kind == "resolver":
        return Span(
            kind, "", str(ending[0]) if phase == "finished" and ending else "", started, at, failed, bool(phase)
        )
    name, *rest = (str(field) for field in fields)
    return Span(kind, name, rest[0] if rest else "", started, at, failed, bool(phase))


def _crossing(direction: str, at: int, fields: list[Any], origin: int, threads: dict[int, str]) -> Crossing:
    function, thread, entered, left, returned = fields
    return Crossing(
        direction,
        str(function),
        str(threads.get(thread, thread)),
        at,
        None if entered is None else entered - origin,
        None if left is None else left - origin,
        returned - origin,
    )


def _happening(name: str, at: int, fields: list[Any], origin: int) -> Happening:
    named = dict(zip(EVENT_FIELDS.get(name, ()), fields, strict=False))
    returned = named.pop("returned", None)
    return Happening(name, at, named, None if returned is None else returned - origin)
