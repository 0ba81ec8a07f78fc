"""The trail of an exchange, read: what lasted from when to when, and who crossed to where.

Every instant here is in nanoseconds from the exchange's start. What never ended ends with the exchange, and says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, Final, NamedTuple

from ...events import EVENT_FIELDS
from ...exchange import Exchange
from .intervals import Interval, subtract, union

#: How many fields tell one span from another of its kind.
_KEYS: Final = {"signal": 1, "middleware": 1, "hook": 2, "resolver": 0, "view": 1, "template": 1}
#: Event → kind of the span, and whether it starts or ends it.
_SPANS: Final = {
    name: (parts[1], parts[2])
    for name in EVENT_FIELDS
    if (parts := name.split("."))[0] == "django" and len(parts) == 3 and parts[1] in _KEYS
}
_CROSSINGS: Final = {name: name.partition(".")[2] for name in EVENT_FIELDS if name.startswith("crossing.to_")}
_QUEUED: Final = "crossing.queued"
_SIZES: Final = {name: fields.index("size") for name, fields in EVENT_FIELDS.items() if "size" in fields}
#: Events whose last field is the instant at which the server's send() was back.
_RETURNING: Final = frozenset(
    name for name, fields in EVENT_FIELDS.items() if fields[-1:] == ("returned",) and name not in _CROSSINGS
)


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
    #: Calls that had been handed to its thread before it and had not ended.
    ahead: int = 0

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
    values: tuple[Any, ...]
    returned: int | None = None

    @property
    def size(self) -> int | None:
        place = _SIZES.get(self.name)
        return self.values[place] if place is not None and place < len(self.values) else None

    @property
    def fields(self) -> dict[str, Any]:
        """By their names; made when asked for, as a trail may have tens of thousands."""
        return dict(zip(EVENT_FIELDS.get(self.name, ()), self.values, strict=False))


@dataclass(frozen=True)
class Trail:
    #: From the start to the end, or to the last event of what has no end.
    extent: int
    spans: list[Span]
    crossings: list[Crossing]
    happenings: list[Happening]
    #: When the exchange was on its way between threads, and nobody worked on it.
    waited: list[Interval]

    def of(self, kind: str) -> list[Span]:
        return [span for span in self.spans if span.kind == kind]

    def own(self, span: Span, inner: Iterable[Span] = ()) -> tuple[Interval, ...]:
        """When ``span`` did work that was none of ``inner``'s."""
        holes = union([*self.waited, *((other.started, other.finished) for other in inner)])
        return tuple(subtract([(span.started, span.finished)], holes))

    @property
    def left(self) -> int | None:
        """When the client left an HTTP answer that was not complete. After a complete one a disconnect says nothing."""
        complete = [event.at for event in self.named("http.response.body") if not event.fields.get("more_body")]
        names = ["http.disconnect", "cgi.disconnect"]
        if self.named("wsgi.start_response"):  # without a head a server has other reasons to close a body
            names.append("wsgi.abandoned")
        gone = [event.at for name in names for event in self.named(name)]
        return gone[0] if gone and (not complete or gone[0] < complete[0]) else None

    def named(self, prefix: str) -> list[Happening]:
        found = [events for name, events in self._by_name.items() if name.startswith(prefix)]
        return found[0] if len(found) == 1 else sorted((event for events in found for event in events), key=_at)

    @cached_property
    def _by_name(self) -> dict[str, list[Happening]]:
        names: dict[str, list[Happening]] = {}
        for event in self.happenings:
            names.setdefault(event.name, []).append(event)
        return names


def read(exchange: Exchange, elapsed: int = 0) -> Trail:
    """``elapsed`` is how long an exchange in flight has lasted by now, as far as is known."""
    origin = exchange.started
    pairs = _Pairs()
    queued = {(event[1], event[2]): event[3] for event in exchange.trail if event[0] == _QUEUED}
    crossings: list[Crossing] = []
    happenings: list[Happening] = []
    instants: list[int] = []
    for name, instant, *values in exchange.trail:
        at = instant - origin
        instants.append(at)
        event = _SPANS.get(name)
        if event is not None:
            pairs.add(*event, at, values)
        elif name in _CROSSINGS:
            ahead = queued.get((instant, values[1]), 0)
            crossings.append(_crossing(_CROSSINGS[name], at, values, origin, exchange.threads, ahead))
        elif name != _QUEUED:
            happenings.append(_happening(name, at, values, origin))
    last = max(instants, default=0)
    last = max([last, *(crossing.returned for crossing in crossings)])
    last = max([last, *(event.returned for event in happenings if event.returned is not None)])
    extent = max(last, elapsed if exchange.duration is None else exchange.duration, 1)
    happenings.sort(key=_at)
    spans = pairs.found + pairs.open_until(extent) + _answers(happenings, sorted(instants), extent)
    spans.sort(key=lambda span: (span.started, -span.finished))
    crossings.sort(key=lambda crossing: crossing.started)
    waited = union(interval for crossing in crossings for interval in crossing.waited)
    return Trail(extent, spans, crossings, happenings, waited)


def happening(event: Sequence[Any], origin: int) -> Happening:
    """One event of a trail by itself; ``origin`` is the exchange's start."""
    name, instant, *values = event
    return _happening(name, instant - origin, values, origin)


def _happening(name: str, at: int, values: list[Any], origin: int) -> Happening:
    if name in _RETURNING and values and values[-1] is not None:
        return Happening(name, at, tuple(values[:-1]), values[-1] - origin)
    return Happening(name, at, tuple(values))


_at = itemgetter(Happening._fields.index("at"))


class _Pairs:
    """Events that start something, until the one that ends it comes."""

    def __init__(self) -> None:
        self.found: list[Span] = []
        self._opened: dict[tuple[Any, ...], list[tuple[int, list[Any]]]] = {}

    def add(self, kind: str, phase: str, at: int, values: list[Any]) -> None:
        key = (kind, *values[: _KEYS[kind]])
        if phase == "started":
            self._opened.setdefault(key, []).append((at, values))
        elif opened := self._opened.get(key):
            started, first = opened.pop()
            failed = str(values[-1]) if phase == "failed" and values else None
            detail = values if kind == "resolver" and phase == "finished" else first
            self.found.append(_span(kind, started, at, detail, failed))

    def open_until(self, extent: int) -> list[Span]:
        return [
            _span(kind, started, extent, values, None, ended=False)
            for (kind, *_), starts in self._opened.items()
            for started, values in starts
        ]


def _span(kind: str, started: int, finished: int, values: list[Any], failed: str | None, *, ended: bool = True) -> Span:
    words = [str(value) for value in values]
    name, detail = ("", *words, "")[:2] if kind == "resolver" else (*words, "", "")[:2]
    return Span(kind, name, detail, started, finished, failed, ended)


def _answers(happenings: list[Happening], instants: list[int], extent: int) -> list[Span]:
    """Exceptions that Django answered: the answer is made from that instant until the next thing happens."""
    spans = []
    for event in happenings:
        if event.name == "django.exception":
            after = bisect_right(instants, event.at)
            until = instants[after] if after < len(instants) else extent
            exception, status = (*event.values, "", "")[:2]
            spans.append(Span("exception", str(exception), str(status), event.at, until))
    return spans


def _crossing(direction: str, at: int, values: list[Any], origin: int, threads: dict[int, str], ahead: int) -> Crossing:
    function, thread, entered, left, returned = values
    return Crossing(
        direction,
        str(function),
        str(threads.get(thread, thread)),
        at,
        None if entered is None else entered - origin,
        None if left is None else left - origin,
        returned - origin,
        ahead,
    )
