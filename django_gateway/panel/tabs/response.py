"""The answer: its head with where each header was set, and its body chunk by chunk."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from ... import provenance
from ...arrival import arrival
from ...concealment import HIDDEN
from ...exchange import Exchange
from ..origins import describe_answer
from ..pauses import pauses
from ..timeline.spans import Happening, Trail
from ..words import layer
from . import ending
from .base import Query, Subject, Values, page_of

_BODIES: Final = ("wsgi.body", "wsgi.write", "http.response.body")


def build(subject: Subject, query: Query) -> Values:
    exchange, trail = subject.exchange, subject.trail
    chunks = [event for event in trail.happenings if event.name in _BODIES]
    heads = [event for event in trail.happenings if event.name in ("wsgi.start_response", "http.response.start")]
    layers = [span.name for span in trail.of("middleware")]
    view = next((span.name for span in trail.of("view")), None)
    waits = pauses(trail)
    largest = max((int(event.fields["size"]) for event in chunks), default=0) or 1
    return {
        "status": exchange.status,
        "phrase": phrase(exchange, heads),
        "headers": [
            {
                "name": str(name),
                "value": str(value),
                "hidden": HIDDEN in str(value),
                "by": _who(origin.by, view),
                "changed_by": [_who(by, view) for by in origin.changed_by],
                "reason": _reason(describe_answer(str(name), str(value), layers), origin.by),
            }
            for (name, value), origin in zip(exchange.headers or (), provenance.origins(exchange), strict=True)
        ],
        "removed": [
            {"name": header.name, "by": _who(header.by, view), "removed_by": _who(header.removed_by, view)}
            for header in provenance.removed(exchange)
        ],
        "arrived": arrival(exchange),
        "unarrived": _unarrived(exchange),
        "head_at": heads[-1].at if heads else None,
        "first_at": chunks[0].at if chunks else None,
        "last_at": chunks[-1].at if chunks else None,
        "closed_at": _closed(trail),
        "waited": sum(waits.get(event, 0) for event in (*heads, *chunks)),
        "waits": "send()" if exchange.interface == "asgi" else "the server" if waits else "",
        "chunks": page_of(
            [_chunk(number, event, largest, waits.get(event)) for number, event in enumerate(chunks, 1)], query
        ),
        "cut_short": ending.lines(exchange),
        "unanswered": exchange.status is None,
    }


def _unarrived(exchange: Exchange) -> list[str]:
    """Names of the headers that the application sent and that are not on the wire."""
    arrived = arrival(exchange)
    sent = exchange.headers or ()
    return [] if arrived is None else [str(sent[place][0]) for place in arrived.missing]


def _reason(guess: str, by: str | None) -> str:
    """What the header is for, without saying again who set it."""
    name = (by or "").rpartition(".")[2]
    return "" if guess == name else guess.removeprefix(f"{name}: ")


def _who(by: str | None, view: str | None) -> tuple[str, str]:
    """In one word, and in full."""
    if by is None:
        return "", ""
    if by == provenance.OUTSIDE:
        return "outside Django", ""
    if by == view:
        return "the view", by
    return ("Django's answer to the exception", "") if by == "django.core.handlers.exception" else (layer(by), by)


def phrase(exchange: Exchange, heads: list[Happening]) -> str:
    """Under WSGI the application says it; under ASGI the server puts it in."""
    said = str(heads[-1].fields.get("status", "")) if heads else ""
    if " " in said:
        return said.partition(" ")[2]
    try:
        return HTTPStatus(exchange.status or 0).phrase
    except ValueError:
        return ""


def _chunk(number: int, event: Happening, largest: int, took: int | None) -> Values:
    size = int(event.fields["size"])
    return {
        "number": number,
        "at": event.at,
        "size": size,
        "took": took,
        "bar": round(100 * size / largest, 2),
        "by": "write()" if event.name == "wsgi.write" else "",
    }


def _closed(trail: Trail) -> int | None:
    return next((event.at for event in reversed(trail.happenings) if event.name == "wsgi.close"), None)
