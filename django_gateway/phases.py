"""What follows from a trail of events: layers of middleware, crossings, the view. Pure functions, nothing stored.

Times are nanoseconds from the start of the exchange. What is not over (in flight, interrupted) has None for its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from .events import EVENT_FIELDS, INSTANT_FIELDS
from .exchange import Exchange

#: What Django itself does inside the innermost middleware.
_CORE = ("django.resolver.", "django.view.", "django.hook.", "django.template.")
_CROSSINGS = ("crossing.to_thread", "crossing.to_loop", "crossing.queued")
#: Told beside another event, at the same instant, or when they are over: an exchange is not there.
_BESIDE = ("django.headers", "django.route.matched", "django.route.unmatched", *_CROSSINGS)


class Happening(msgspec.Struct, frozen=True):
    """One event, its fields by name; instants among them are relative too."""

    name: str
    at: int
    fields: dict[str, Any]


class Layer(msgspec.Struct, frozen=True):
    """One middleware. ``before`` is its own time on the way in, ``after`` on the way out; the rest lies inside it."""

    name: str
    mode: str
    depth: int
    started: int
    finished: int | None
    before: int
    after: int
    status: int | None

    @property
    def own(self) -> int:
        return self.before + self.after


class Crossing(msgspec.Struct, frozen=True):
    """``started`` to ``entered`` is the wait for the other place, ``left`` to ``returned`` the way back."""

    direction: str
    function: str
    #: The innermost middleware, hook or view that was at work; None in the handler itself.
    caller: str | None
    thread: str | None
    started: int
    entered: int | None
    left: int | None
    returned: int
    #: Calls that had been handed to its executor before it and had not ended; 0 where a thread was free.
    ahead: int = 0

    @property
    def waited(self) -> int:
        """Everything that is not the function itself."""
        return self.returned - self.started - self.ran

    @property
    def ran(self) -> int:
        """Until it was over, or its caller was cancelled."""
        if self.entered is None:
            return 0
        return (self.returned if self.left is None else self.left) - self.entered


class View(msgspec.Struct, frozen=True):
    name: str
    mode: str
    started: int
    finished: int | None
    exception: str | None


class Process(msgspec.Struct, frozen=True):
    """A process that was started for this exchange alone (CGI); what is not known of it is None."""

    #: Who says when it started: "kernel" or "server". Where nobody does, the exchange begins with the interpreter.
    source: str | None
    #: When the interpreter ran the script's first line, when the recorder was there, when the application was.
    interpreter: int | None = None
    recorder: int | None = None
    application: int | None = None
    #: Modules that were imported by then, and CPU time used.
    modules: int | None = None
    cpu_before: int | None = None
    #: CPU time in all, the most memory it had, in bytes, and the time that the store took for the exchange.
    cpu: int | None = None
    memory: int | None = None
    kept: int | None = None


class Span(msgspec.Struct, frozen=True):
    """A pair of ``started`` and ``finished`` (or ``failed``) events; ``kind`` is what their names begin with."""

    kind: str
    fields: dict[str, Any]
    started: int
    finished: int | None
    failed: bool


def happenings(exchange: Exchange, wanted: Callable[[Any], bool] | None = None) -> list[Happening]:
    """The trail with names for everything, in the order of time.

    ``wanted`` chooses among the events as they lie in the trail: of fifty thousand messages few have to be read.
    """
    trail = exchange.trail if wanted is None else filter(wanted, exchange.trail)
    found = [_happening(event, exchange.started) for event in trail]
    found.sort(key=lambda happening: happening.at)
    return found


def reached(exchange: Exchange) -> Happening | None:
    """The last event of an exchange that has not ended, or never will; None of one that has, or reached none."""
    if exchange.ended is not None:
        return None
    return next((event for event in reversed(happenings(exchange)) if event.name not in _BESIDE), None)


def _happening(event: Any, start: int) -> Happening:
    name, at, *values = event
    fields = dict(zip(EVENT_FIELDS.get(name, ()), values, strict=False))
    for field in INSTANT_FIELDS & fields.keys():
        if fields[field] is not None:
            fields[field] -= start
    return Happening(name, at - start, fields)


def spans(exchange: Exchange, kind: str = "django.") -> list[Span]:
    """Pairs of events whose names begin with ``kind``, in the order they started."""
    return _pair([happening for happening in happenings(exchange) if happening.name.startswith(kind)])


def _pair(trail: list[Happening]) -> list[Span]:
    pending: list[tuple[int, str, Happening]] = []
    found: list[tuple[int, Span]] = []
    for position, happening in enumerate(trail):
        kind, _, step = happening.name.rpartition(".")
        if step == "started":
            pending.append((position, kind, happening))
        elif step in ("finished", "failed"):
            opened = _last(pending, kind, happening)
            if opened is not None:
                start, _, first = pending.pop(opened)
                fields = {**first.fields, **happening.fields}
                found.append((start, Span(kind, fields, first.at, happening.at, step == "failed")))
    found += [(start, Span(kind, first.fields, first.at, None, False)) for start, kind, first in pending]
    return [span for _, span in sorted(found, key=lambda pair: pair[0])]


def _last(pending: list[tuple[int, str, Happening]], kind: str, end: Happening) -> int | None:
    """The innermost open pair that ``end`` can close: of its kind, and about the same thing where it says which."""
    for index in reversed(range(len(pending))):
        _, pending_kind, first = pending[index]
        if pending_kind == kind and all(
            first.fields[key] == end.fields[key] for key in first.fields.keys() & end.fields.keys()
        ):
            return index
    return None


def middleware(exchange: Exchange) -> list[Layer]:
    """The onion, outermost first."""
    everything = spans(exchange)
    layers = [span for span in everything if span.kind == "django.middleware"]
    core = [span for span in everything if f"{span.kind}.".startswith(_CORE)]
    end = exchange.ended - exchange.started if exchange.ended is not None else None
    found = []
    for depth, layer in enumerate(layers):
        inside = layers[depth + 1 :][:1] or [span for span in core if span.started >= layer.started]
        found.append(_layer(layer, depth, inside, end))
    return found


def _layer(layer: Span, depth: int, inside: list[Span], end: int | None) -> Layer:
    finished = layer.finished
    last = finished if finished is not None else end
    if last is None:
        last = max([layer.started, *(span.finished or span.started for span in inside)])
    inside = [span for span in inside if span.started <= last]
    if inside:
        first = min(span.started for span in inside)
        ends = [span.finished for span in inside]
        done = [moment for moment in ends if moment is not None]
        over = last if len(done) < len(ends) else min(last, max(done))
        before, after = first - layer.started, last - over
    else:
        before, after = last - layer.started, 0
    return Layer(
        layer.fields["middleware"],
        layer.fields["mode"],
        depth,
        layer.started,
        finished,
        before,
        after,
        layer.fields.get("status"),
    )


def crossings(exchange: Exchange) -> list[Crossing]:
    """In the order they set out."""
    work = [span for span in spans(exchange) if span.kind in ("django.middleware", "django.view", "django.hook")]
    told = [happening for happening in happenings(exchange) if happening.name in _CROSSINGS]
    ahead = {(each.at, each.fields["thread"]): each.fields["ahead"] for each in told if each.name == "crossing.queued"}
    return [
        Crossing(
            happening.name.removeprefix("crossing."),
            happening.fields["function"],
            _caller(work, happening.at),
            exchange.threads.get(happening.fields["thread"]),
            happening.at,
            happening.fields["entered"],
            happening.fields["left"],
            happening.fields["returned"],
            ahead.get((happening.at, happening.fields["thread"]), 0),
        )
        for happening in told
        if happening.name != "crossing.queued"
    ]


def _caller(work: list[Span], at: int) -> str | None:
    around = [span for span in work if span.started <= at and (span.finished is None or at <= span.finished)]
    if not around:
        return None
    fields = max(around, key=lambda span: span.started).fields
    name: str = fields.get("view") or fields["middleware"]
    return name


def view(exchange: Exchange) -> View | None:
    """The view, None where none was reached. Of several (a view that calls another through Django) the first."""
    return next(_views(exchange), None)


def _views(exchange: Exchange) -> Iterator[View]:
    for span in spans(exchange, "django.view"):
        yield View(
            span.fields["view"],
            span.fields["mode"],
            span.started,
            span.finished,
            span.fields.get("exception") if span.failed else None,
        )


def process(exchange: Exchange) -> Process | None:
    """None where the exchange has no process of its own."""
    if exchange.interface != "cgi":
        return None
    found = {event.name: event for event in happenings(exchange) if event.name.startswith("cgi.")}

    def at(name: str) -> int | None:
        return found[name].at if name in found else None

    def value(name: str, field: str) -> Any:
        return found[name].fields.get(field) if name in found else None

    loaded, finished = "cgi.application.loaded", "cgi.process.finished"
    return Process(
        value("cgi.process.started", "source"),
        at("cgi.interpreter.ready"),
        at("cgi.recorder.loaded"),
        at(loaded),
        value(loaded, "modules"),
        value(loaded, "cpu"),
        value(finished, "cpu"),
        value(finished, "memory"),
        value(finished, "kept"),
    )
