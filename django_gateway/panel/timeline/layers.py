"""The lanes of what Django did: the onion of middleware, URLconf, view and templates."""

from __future__ import annotations

from ... import phases
from ...exchange import Exchange
from ..units import duration
from ..words import count, layer, listed, short
from .intervals import Interval, subtract, union
from .loop import split_by_loop
from .pieces import MIDDLEWARE, RESOLVER, TEMPLATE, VIEW, Lane, Piece
from .spans import Crossing, Span, Trail

#: Rows of templates that render each other; deeper ones share the last.
_DEPTH = 3


def lanes(exchange: Exchange, trail: Trail) -> list[Lane]:
    found = [
        _middleware(exchange, trail),
        _resolver(exchange, trail),
        _view(exchange, trail),
        _exception(trail),
        _templates(trail),
    ]
    return [lane for lane in found if lane is not None]


def own_time(layer: Span, trail: Trail) -> list[Interval]:
    """When a middleware did its own work: not an inner layer, the resolver, the view, nor on the way to a thread.

    Django calls process_view and its like from further in; they are its own work all the same.
    """
    inside: list[Interval] = []
    hooks: list[Interval] = []
    for span in trail.spans:
        if span is layer or not layer.started <= span.started < layer.finished:
            continue
        own = span.kind == "hook" and span.name == layer.name
        (hooks if own else inside).append((span.started, span.finished))
    own_frame = subtract([(layer.started, layer.finished)], union(inside))
    return subtract(union(own_frame + hooks), trail.waited)


def _middleware(exchange: Exchange, trail: Trail) -> Lane | None:
    layers = trail.of("middleware")
    if not layers:
        return None
    times = {(layer.name, layer.started): layer for layer in phases.middleware(exchange)}
    rows = [[_layer(layer, times.get((layer.name, layer.started)), trail)] for layer in layers]
    hooks: dict[str, list[Span]] = {}
    for hook in trail.of("hook"):
        hooks.setdefault(hook.name, []).append(hook)
    for row, span in zip(rows, layers, strict=True):
        row += [_hook(hook, trail) for hook in hooks.pop(span.name, ())]
    return Lane("middleware", MIDDLEWARE, "Middleware", count(len(layers), "layer"), rows, dense=True)


def _layer(span: Span, times: phases.Layer | None, trail: Trail) -> Piece:
    text = "" if times is None else f"{duration(times.before)} of its own on the way in, {duration(times.after)} out."
    crossings = crossings_of(span, trail)
    if crossings:
        threads = listed(sorted({crossing.thread for crossing in crossings}))
        cost = duration(sum(crossing.cost for crossing in crossings))
        text += f" Its sync hooks ran in thread {threads}; changing there and back took {cost}."
    if not span.ended:
        text += " It never came back."
    return Piece(
        span.started,
        span.finished,
        MIDDLEWARE,
        span.name.rpartition(".")[2],
        f"{span.detail.capitalize()} middleware: {text}" if span.detail else text,
        (layer(span.name),),
        works=tuple(own_time(span, trail)),
        path=f"{span.name}.",
        ended=span.ended,
    )


def crossings_of(span: Span, trail: Trail) -> list[Crossing]:
    """The changes of thread that ran a middleware's own code."""
    return [
        crossing
        for crossing in trail.crossings
        if crossing.function.startswith(f"{span.name}.") and span.started <= crossing.started <= span.finished
    ]


def _hook(span: Span, trail: Trail) -> Piece:
    took = duration(span.finished - span.started)
    name = f"{span.name.rpartition('.')[2]}.{span.detail}"
    return Piece(span.started, span.finished, MIDDLEWARE, name, f"This hook took {took}.", works=trail.own(span))


def _resolver(exchange: Exchange, trail: Trail) -> Lane | None:
    spans = trail.of("resolver")
    if not spans:
        return None
    row = []
    for span in spans:
        took = duration(span.finished - span.started)
        labels: tuple[str, ...]
        if span.failed:
            text, labels = f"No pattern matched: {span.failed} after {took}.", ("no pattern matched", "no match")
        else:
            route = span.detail or "''"
            view = exchange.match.view if exchange.match else ""
            text = f"Found the pattern {route} in {took}; it leads to {view or 'a view'}."
            labels = (f"{route} → {short(view)}", route) if view else (route,)
        row.append(
            Piece(
                span.started,
                span.finished,
                RESOLVER,
                "URLconf",
                text,
                labels,
                works=trail.own(span),
                ended=span.ended,
            )
        )
    return Lane("resolver", RESOLVER, "URLconf", "", [row])


def _view(exchange: Exchange, trail: Trail) -> Lane | None:
    spans = trail.of("view")
    if not spans:
        return None
    row: list[Piece] = []
    templates = trail.of("template")
    for span in spans:
        own = list(trail.own(span, templates))
        mixed: list[Interval] = []
        if span.detail == "async":
            own, mixed = split_by_loop(exchange, own)
        thread = thread_of(span, trail)
        took = duration(span.finished - span.started)
        where = (
            f"in thread {thread}"
            if thread
            else "on the event loop"
            if span.detail == "async"
            else "in the server's thread"
        )
        text = f"{span.detail or 'The'} view, {took} {where}." if span.ended else f"In it for {took} and not back yet."
        if span.failed:
            text += f" It raised {span.failed}."
        row.append(
            Piece(
                span.started,
                span.finished,
                VIEW,
                short(span.name),
                text[0].upper() + text[1:],
                (span.name, short(span.name)),
                works=tuple(own),
                mixed=tuple(mixed),
                path=span.name,
                ended=span.ended or exchange.ended is not None,
            )
        )
        if span.failed:
            row.append(
                Piece(
                    span.finished,
                    span.finished,
                    "bad",
                    span.failed,
                    _message(exchange),
                    (span.failed, span.failed.rpartition(".")[2]),
                    form="failure",
                )
            )
    thread = thread_of(spans[0], trail)
    return Lane("view", VIEW, "View", " · ".join(filter(None, (spans[0].detail, thread))), [row])


def _exception(trail: Trail) -> Lane | None:
    spans = trail.of("exception")
    if not spans:
        return None
    row = []
    for span in spans:
        name, took = span.name.rpartition(".")[2], duration(span.finished - span.started)
        text = f"Django answers the exception {name} with {span.detail}; making that answer took {took}."
        works = ((span.started, span.finished),)
        row.append(
            Piece(span.started, span.finished, "bad", name, text, (f"{name} → {span.detail}", span.detail), works)
        )
    return Lane("exception", row[0].place, "Exception", "answered by Django", [row])


def _message(exchange: Exchange) -> str:
    return exchange.failure.message if exchange.failure else "The view raised it."


def thread_of(span: Span, trail: Trail) -> str:
    """The thread that a crossing took ``span`` to; "" where it ran where its caller did."""
    for crossing in trail.crossings:
        ran = crossing.ran
        if crossing.direction == "to_thread" and ran and ran[0] <= span.started and span.finished <= ran[1]:
            return crossing.thread
    return ""


def _templates(trail: Trail) -> Lane | None:
    spans = trail.of("template")
    if not spans:
        return None
    rows: list[list[Piece]] = []
    open_until: list[int] = []
    for span in spans:
        while open_until and open_until[-1] <= span.started:
            open_until.pop()
        depth = min(len(open_until), _DEPTH - 1)
        open_until.append(span.finished)
        while len(rows) <= depth:
            rows.append([])
        took = duration(span.finished - span.started)
        rows[depth].append(
            Piece(
                span.started,
                span.finished,
                TEMPLATE,
                span.name,
                f"Rendered in {took}.",
                (span.name, span.name.rpartition("/")[2]),
                works=trail.own(span),
                ended=span.ended,
            )
        )
    return Lane("template", TEMPLATE, "Template", "" if len(spans) == 1 else count(len(spans), "template"), rows)
