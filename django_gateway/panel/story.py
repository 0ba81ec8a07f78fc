"""An exchange told in one sentence, with its own numbers, for who meets all of this for the first time."""

from __future__ import annotations

from typing import NamedTuple

from ..exchange import IN_FLIGHT, INTERRUPTED, LIFESPAN, WEBSOCKET, Exchange
from ..proxied import proxied
from .closing import described
from .timeline.spans import Span, Trail
from .units import duration
from .words import count, layer, server_name


class Word(NamedTuple):
    """``form`` is "", "code" (a name from the project) or "strong" (a number that matters). Recorded text."""

    text: str
    form: str = ""


def entry(exchange: Exchange) -> str:
    return {"wsgi": "wsgi.py", "asgi": "asgi.py", "proxy": "no application"}.get(exchange.interface, "a new process")


def sentence(exchange: Exchange, trail: Trail) -> list[Word]:
    if exchange.interface == "proxy":
        return _proxied(exchange)
    if exchange.type == WEBSOCKET:
        return _conversation(exchange, trail)
    if exchange.type == LIFESPAN:
        return _lifespan(exchange)
    told = _started(exchange, trail) if exchange.interface == "cgi" else _handed(exchange, "this request")
    # Of what nobody lived to tell there is one event, and it may be any of many layers.
    told += [] if exchange.state == INTERRUPTED and exchange.handover is None else _layers(trail)
    view = next(iter(trail.of("view")), None)
    told += _to_view(view, trail) if view else _no_view(exchange, trail)
    return [*told, *_ending(exchange, trail, view), *_in_front(exchange)]


def _in_front(exchange: Exchange) -> list[Word]:
    """Where the proxy answered something else than the application did."""
    seen = proxied(exchange)
    return [] if seen is None or seen.reason is None else [Word(f" {seen.reason}")]


def _proxied(exchange: Exchange) -> list[Word]:
    """A request that only a proxy has seen."""
    seen = proxied(exchange)
    name = seen.title if seen is not None else server_name(exchange.server.name)
    answered = f"{name} answered {exchange.status}" if exchange.status is not None else f"{name} answered nothing"
    told = [
        Word(f"This request did not reach the project: {answered} after "),
        Word(duration(exchange.duration) if exchange.duration else "less than 1 ms", "strong"),
    ]
    return [*told, Word(f". {seen.reason}" if seen is not None and seen.reason else ".")]


def _started(exchange: Exchange, trail: Trail) -> list[Word]:
    """CGI: a process of its own."""
    server, process = server_name(exchange.server.name), Word("a new process", "strong")
    told = [Word(f"{server} started "), process, Word(" for this request")]
    ready = next((event.at for event in trail.named("cgi.application.loaded")), None)
    if ready is None:
        return [*told, Word(", which could not load the project")]
    return [*told, Word(", which had loaded the project after "), Word(duration(ready), "strong")]


def _handed(exchange: Exchange, what: str) -> list[Word]:
    seen, server = proxied(exchange), server_name(exchange.server.name)
    if seen is not None:
        return [Word(f"{seen.title} passed {what} on to {server}, which handed it to "), Word(entry(exchange), "code")]
    return [Word(f"{server} handed {what} to "), Word(entry(exchange), "code")]


def _layers(trail: Trail) -> list[Word]:
    layers = trail.of("middleware")
    hops = len(trail.crossings)
    told = []
    if layers:
        told += [Word("; Django passed it through "), Word(count(len(layers), "middleware", "middleware"), "strong")]
    if hops:
        times = "once" if hops == 1 else f"{hops:,} times"
        told += [Word(", changing threads " if layers else "; it changed threads "), Word(times, "strong")]
        told += [Word(",")] if layers else []
    return told


def _to_view(view: Span, trail: Trail) -> list[Word]:
    start = " to the view " if trail.of("middleware") else "; Django called the view "
    return [Word(start), Word(view.name, "code")]


def _no_view(exchange: Exchange, trail: Trail) -> list[Word]:
    if any(span.failed for span in trail.of("resolver")):
        return [Word("; no URL pattern matched the path")]
    inner = trail.of("middleware") if exchange.state != INTERRUPTED else []
    if inner and exchange.status is not None:
        return [Word(" and no view was reached: the innermost to see it was "), Word(layer(inner[-1].name), "code")]
    return []


def _ending(exchange: Exchange, trail: Trail, view: Span | None) -> list[Word]:
    took = Word(duration(trail.extent), "strong")
    if exchange.state == INTERRUPTED:
        when = "before it answered" if exchange.status is None else f"in the middle of its answer ({exchange.status})"
        return [Word(f"; the process was gone {when}, "), took, Word(" or more after it began.")]
    if exchange.state == IN_FLIGHT:
        return [Word(", which has not answered after " if view else "; there is no answer after "), took, Word(".")]
    if trail.left is not None and exchange.status is None:
        left = Word(duration(trail.left), "strong")
        return [Word("; the client left after "), left, Word(", before there was an answer.")]
    if view and view.failed:
        told = [Word(", which raised "), Word(view.failed.rpartition(".")[2], "code")]
        if exchange.status is None:
            return [*told, Word("; nothing was answered.")]
        return [
            *told,
            Word("; Django answered "),
            Word(str(exchange.status), "strong"),
            Word(" after "),
            took,
            Word("."),
        ]
    if exchange.status is None:
        return [Word("; nothing was answered in "), took, Word(".")]
    chunks = exchange.sizes.chunks
    told = [Word(", which answered " if view else "; the answer was "), Word(str(exchange.status), "strong")]
    many = f", in {chunks:,} chunks" if chunks > 1 else ""
    if trail.left is not None:
        return [*told, Word(f"{many}, until the client left after "), Word(duration(trail.left), "strong"), Word(".")]
    return [*told, Word(f"{many} over " if many else " after "), took, Word(".")]


def _conversation(exchange: Exchange, trail: Trail) -> list[Word]:
    told = _handed(exchange, "this WebSocket")
    if exchange.match:
        told += [Word("; Channels routed it to "), Word(exchange.match.view, "code")]
    accepted = trail.named("websocket.accept")
    if not accepted and exchange.state == INTERRUPTED:
        told += [Word(", which accepted it")] if exchange.status == 101 else []
    elif not accepted:
        told.append(Word(", which refused it" if exchange.ended is not None else ", which has not accepted it"))
    else:
        sizes = exchange.sizes
        told += [Word(f", which accepted it after {duration(accepted[0].at)}. ")]
        told += [Word(count(sizes.received, "message"), "strong"), Word(" came in, ")]
        told += [Word(f"{sizes.sent:,}", "strong"), Word(" went out")]
    took = Word(duration(trail.extent), "strong")
    if exchange.state == IN_FLIGHT:
        return [*told, Word("; open for "), took, Word(" so far.")]
    if exchange.state == INTERRUPTED:
        return [*told, Word("; the process was gone, "), took, Word(" or more after it began.")]
    if exchange.close is None:
        return [*told, Word("; it ended after "), took, Word(".")]
    code = f"{exchange.close.code} ({described(exchange.close.code).name})"
    return [
        *told,
        Word(f"; the {exchange.close.by} closed it with "),
        Word(code, "strong"),
        Word(" after "),
        took,
        Word("."),
    ]


def _lifespan(exchange: Exchange) -> list[Word]:
    name = server_name(exchange.server.name)
    if exchange.failure is not None:
        return [
            Word(f"{name} called "),
            Word(entry(exchange), "code"),
            Word(
                " with a lifespan scope; it raised an exception, which tells a server that lifespan is not supported."
            ),
        ]
    return [
        Word(f"{name} called "),
        Word(entry(exchange), "code"),
        Word(" once for the life of this process: to say that it starts, and that it stops."),
    ]
