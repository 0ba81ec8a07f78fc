"""The most remarkable fact about an exchange, from its own numbers. Advice is the findings' business."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from .. import phases
from ..exchange import HTTP, IN_FLIGHT, INTERRUPTED, WEBSOCKET, Exchange
from .closing import described
from .libraries import innermost, place
from .pauses import pauses
from .reached import last, when_gone
from .story import Word
from .timeline import Trail
from .timeline.intervals import total
from .timeline.layers import own_time
from .units import duration, share
from .words import count, layer, listed, short


@dataclass(frozen=True, slots=True)
class Remark:
    #: The place whose colour it has.
    place: str
    headline: str
    words: list[Word]
    #: The tab that shows more.
    tab: str = ""


def remark(exchange: Exchange, trail: Trail) -> Remark | None:
    """None where nothing stands out."""
    for one in (
        _stopped,
        _failed,
        _closed,
        _held_up,
        _kept_waiting,
        _left,
        _process,
        _streamed,
        _hops,
        _slow_reader,
        _ready,
        _blocked,
        _largest,
    ):
        found = one(exchange, trail)
        if found is not None:
            return found
    return None


def _stopped(exchange: Exchange, trail: Trail) -> Remark | None:
    if exchange.state == INTERRUPTED:
        tab = "stack" if exchange.stack else "events" if exchange.trail else ""
        headline = f"Process {exchange.server.pid} ended {when_gone(exchange)}."
        return Remark("bad", headline, [*last(exchange), *_where(exchange)], tab)
    if exchange.state == IN_FLIGHT and exchange.type == HTTP:
        open_spans = [span for span in trail.spans if not span.ended]
        if open_spans:
            inner = max(open_spans, key=lambda span: span.started)
            words = [
                Word("It entered "),
                Word(_name(inner.kind, inner.name), "code"),
                Word(f" after {duration(inner.started)}."),
            ]
        else:
            words = []
        words += _where(exchange)
        return Remark("warn", f"Not answered after {duration(trail.extent)}.", words, "stack" if exchange.stack else "")
    return None


def _where(exchange: Exchange) -> list[Word]:
    frame = innermost(exchange.stack)
    if frame is None:
        return []
    verb = " It is in " if exchange.state == IN_FLIGHT else " It was in "
    return [Word(verb), Word(f"{frame.function}()", "code"), Word(f", {place(frame)}.")]


def _name(kind: str, name: str) -> str:
    return name or {"resolver": "the URLconf"}.get(kind, kind)


def _failed(exchange: Exchange, trail: Trail) -> Remark | None:
    failure = exchange.failure
    if failure is None:
        return None
    name = failure.type.rpartition(".")[2]
    words = []
    if failure.frames:
        frame = failure.frames[-1]
        words += [
            Word("Raised in "),
            Word(f"{frame.function}()", "code"),
            Word(f", line {frame.line} of "),
            Word(frame.file, "code"),
        ]
        words.append(
            Word("; Django made a response of it." if failure.handled else "; nothing in the project caught it.")
        )
    headline = f"{name}: {failure.message}" if failure.message else name
    return Remark("bad", headline if headline.endswith((".", "!", "?")) else f"{headline}.", words, "failure")


def _closed(exchange: Exchange, trail: Trail) -> Remark | None:
    if exchange.type != WEBSOCKET or exchange.close is None:
        return None
    close = exchange.close
    code = described(close.code)
    place = "body" if close.code in (1000, 1001) else "warn"
    words = [Word(code.meaning)] + ([Word(" Its reason: "), Word(close.reason, "code")] if close.reason else [])
    return Remark(place, f"Closed by the {close.by} with {close.code} ({code.name}).", words, "messages")


def _held_up(exchange: Exchange, trail: Trail) -> Remark | None:
    loop = exchange.loop
    if loop is None or loop.longest_step < 50_000_000:
        return None
    words = [
        Word(
            "For that long no other request, WebSocket or timer of this process was served:"
            " something in async code blocked."
        )
    ]
    frame = innermost(loop.stack)
    if frame is not None:
        words += [Word(" It was in "), Word(f"{frame.function}()", "code"), Word(f", {place(frame)}.")]
    return Remark("hop", f"Held the event loop for {duration(loop.longest_step)} at a stretch.", words, "threads")


def _kept_waiting(exchange: Exchange, trail: Trail) -> Remark | None:
    loop = exchange.loop
    if exchange.type != HTTP or loop is None or loop.lag is None or loop.lag < 50_000_000:
        return None
    if loop.lag * 4 < trail.extent:
        return None
    who = "Another request held it" if loop.held_up_by else "Other code held it, of a request or a task"
    words = [Word(f"{who}: what this one awaited may have been there all the while.")]
    return Remark("hop", f"The event loop ran {duration(loop.lag)} late while this was in flight.", words, "threads")


def _left(exchange: Exchange, trail: Trail) -> Remark | None:
    if trail.left is None:
        return None
    sent = count(exchange.sizes.chunks, "chunk")
    words = [Word(f"{sent} had been handed over by then; the answer was not complete.")]
    return Remark("warn", f"The client left after {duration(trail.left)}.", words, "response")


def _process(exchange: Exchange, trail: Trail) -> Remark | None:
    process = phases.process(exchange)
    if process is None or process.application is None or process.application * 2 < trail.extent:
        return None
    steps = [f"Python {duration(process.interpreter)}"] if process.interpreter else []
    if process.recorder is not None and process.interpreter is not None:
        steps.append(f"the recorder {duration(process.recorder - process.interpreter)}")
    rest = process.application - (process.recorder or process.interpreter or 0)
    steps.append(f"imports of Django and the project {duration(rest)}")
    words = [Word(f"Of that, {listed(steps)}. A server that keeps its processes pays this once, not for each request.")]
    return Remark(
        "server", f"The process was getting ready for {share(process.application, trail.extent)}.", words, "threads"
    )


def _streamed(exchange: Exchange, trail: Trail) -> Remark | None:
    at = [event.at for event in trail.happenings if event.name in ("http.response.body", "wsgi.body")]
    if len(at) < 3 or (at[-1] - at[0]) * 2 < trail.extent:
        return None
    pause = max(later - earlier for earlier, later in pairwise(at))
    words = [Word(f"The last went out after {duration(at[-1])}; the longest pause between two was {duration(pause)}.")]
    return Remark(
        "body", f"Streamed: the first of {len(at):,} chunks went out after {duration(at[0])}.", words, "response"
    )


def _hops(exchange: Exchange, trail: Trail) -> Remark | None:
    cost = sum(crossing.cost for crossing in trail.crossings)
    if len(trail.crossings) < 2 or cost * 10 < trail.extent:
        return None
    callers = _callers(trail)
    words = [Word("Neither side works while the request changes between event loop and thread. ")]
    hooked = [name for name in callers if name.endswith(("process_request", "process_response", "process_view"))]
    if hooked:
        inwards = [span.name for span in trail.of("middleware")]
        names = {name.rpartition(".")[0] for name in hooked}
        layers = [
            layer(name) for name in sorted(names, key=lambda name: inwards.index(name) if name in inwards else -1)
        ]
        words += [
            Word(f"{len(hooked)} of the {len(trail.crossings)} run hooks of the middleware "),
            Word(listed(layers), ""),
            Word(", which are written as sync code: Django takes each to a thread and back."),
        ]
    else:
        words += [Word("The most expensive one ran "), Word(short(callers[0]), "code"), Word(".")]
    headline = f"{len(trail.crossings)} thread hops, {share(cost, trail.extent)}."
    return Remark("hop", headline, words, "middleware" if hooked else "threads")


def _callers(trail: Trail) -> list[str]:
    return [crossing.function for crossing in sorted(trail.crossings, key=lambda crossing: -crossing.cost)]


def _slow_reader(exchange: Exchange, trail: Trail) -> Remark | None:
    waits = pauses(trail)
    waited = total((event.at, event.at + took) for event, took in waits.items())
    if waited < 5_000_000 or waited * 4 < trail.extent:
        return None
    where = "in send()" if exchange.interface == "asgi" else "for the server, which had not asked for more"
    words = [Word(f"The application waited {where}: the client, or what is between, read slowly.")]
    return Remark("body", f"The server took {share(waited, trail.extent)} to accept the response.", words, "response")


def _ready(exchange: Exchange, trail: Trail) -> Remark | None:
    ready = exchange.scheduler.ready if exchange.scheduler else None
    if ready is None or ready * 5 < trail.extent:
        return None
    words = [Word("The thread could have run, and all processors were taken by others.")]
    return Remark("warn", f"Waited {share(ready, trail.extent)} for a processor.", words, "threads")


def _blocked(exchange: Exchange, trail: Trail) -> Remark | None:
    scheduler = exchange.scheduler
    if scheduler is None or scheduler.sleeping * 2 < trail.extent or trail.extent < 20_000_000:
        return None
    elsewhere = sum(crossing.returned - crossing.started for crossing in trail.crossings)
    if elsewhere * 2 > scheduler.sleeping:
        words = [Word("It waited for async code, which ran on an event loop in another thread.")]
    else:
        words = [Word("It computed nothing in that time: it waited for a database, a network, a lock or a timer.")]
    return Remark("queue", f"The thread slept {share(scheduler.sleeping, trail.extent)}.", words, "threads")


def _largest(exchange: Exchange, trail: Trail) -> Remark | None:
    parts: list[tuple[int, str, str]] = []
    parts += [(span.finished - span.started, "view", f"The view {short(span.name)}") for span in trail.of("view")]
    parts += [
        (total(own_time(span, trail)), "middleware", span.name.rpartition(".")[2]) for span in trail.of("middleware")
    ]
    if not parts:
        return None
    took, place, name = max(parts)
    if took * 4 < trail.extent:
        return None
    templates = total((span.started, span.finished) for span in trail.of("template"))
    words = (
        [Word(f"{duration(templates)} of it went into rendering templates.")] if place == "view" and templates else []
    )
    return Remark(
        place, f"{name} took {share(took, trail.extent)}.", words, "middleware" if place == "middleware" else ""
    )
