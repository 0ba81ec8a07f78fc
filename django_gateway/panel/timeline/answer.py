"""The lanes of what came back: head and body of a response, or the messages of a WebSocket."""

from __future__ import annotations

from typing import Final

from ...exchange import LIFESPAN, WEBSOCKET, Exchange
from ..units import duration, size
from ..words import count
from .collapse import gather
from .intervals import Interval
from .pieces import BODY, CLIENT, Lane, Piece
from .spans import Happening, Trail

_CHUNKS: Final = frozenset({"wsgi.body", "wsgi.write", "http.response.body"})
_HEADS: Final = frozenset(
    {
        "wsgi.start_response",
        "http.response.start",
        "http.response.other",
        "django.response.close",
        "asgi.cancelled",
        "django.cancelled",
    }
)
_RECEIVED: Final = frozenset({"websocket.connect", "websocket.receive", "websocket.disconnect"})


def lanes(exchange: Exchange, trail: Trail) -> list[Lane]:
    if exchange.type == WEBSOCKET:
        return _conversation(exchange, trail)
    if exchange.type == LIFESPAN:
        row = [_send(event, event.name.removeprefix("lifespan."), "") for event in trail.named("lifespan.")]
        return [Lane("messages", BODY, "Lifespan", "", [row])] if row else []
    lane = _body(exchange, trail)
    return [lane] if lane else []


def _body(exchange: Exchange, trail: Trail) -> Lane | None:
    chunks = [event for event in trail.happenings if event.name in _CHUNKS]
    heads = [event for event in trail.happenings if event.name in _HEADS]
    if not chunks and not heads:
        return None
    # A single chunk lasts until the server asks for the next; of many nobody knows which side took how long.
    following = {}
    if len(chunks) < 3:
        pairs = zip(trail.happenings, [*trail.happenings[1:], None], strict=True)
        following = {event: trail.extent if after is None else after.at for event, after in pairs if event in chunks}

    def chunk(event: Happening) -> Piece:
        text = f"{size(event.fields['size'])} handed to the server."
        if event.name == "http.response.body":
            return _send(event, "chunk", text)
        return _piece(event.at, following.get(event, event.at), "chunk", text)

    row = [_head(event) for event in heads] + gather(chunks, trail.extent, chunk)
    subtitle = f"{count(len(chunks), 'chunk')}, {size(exchange.sizes.body_bytes)}" if chunks else ""
    return Lane("body", BODY, "Body", subtitle, [sorted(row, key=lambda piece: piece.started)])


def _head(event: Happening) -> Piece:
    fields = event.fields
    match event.name:
        case "wsgi.start_response":
            return _mark(event, "start_response", f"Told the server {fields['status']} and the headers.")
        case "http.response.start":
            return _send(event, "http.response.start", f"Status {fields['status']} and the headers.")
        case "http.response.other":
            return _send(event, str(fields["type"]), "Sent to the server.")
        case "django.response.close":
            return _mark(event, "response.close()", "Django closed the response.")
        case _:
            who = "The server cancelled the application."
            if event.name == "django.cancelled":
                who = f"Django was cancelled in {fields['during']}()."
            return Piece(event.at, event.at, "bad", "cancelled", who, form="failure")


def _conversation(exchange: Exchange, trail: Trail) -> list[Lane]:
    events = trail.named("websocket.")
    received = gather([event for event in events if event.name in _RECEIVED], trail.extent, _received)
    sent = gather([event for event in events if event.name not in _RECEIVED], trail.extent, _sent)
    sizes = exchange.sizes
    return [
        Lane("received", CLIENT, "From the client", count(sizes.received, "message"), [received]),
        Lane("sent", BODY, "To the client", count(sizes.sent, "message"), [sent]),
    ]


def _received(event: Happening) -> Piece:
    kind = event.name.rpartition(".")[2]
    if kind == "receive":
        return _mark(event, "received", _payload(event), CLIENT)
    text = "The client asked to connect." if kind == "connect" else f"It is over, code {event.fields.get('code')}."
    return _mark(event, kind, text, CLIENT)


def _sent(event: Happening) -> Piece:
    kind = event.name.rpartition(".")[2]
    if kind == "send":
        return _send(event, "sent", _payload(event))
    text = (
        "The application accepted." if kind == "accept" else f"The application closed, code {event.fields.get('code')}."
    )
    return _send(event, kind, text)


def _payload(event: Happening) -> str:
    fields = event.fields
    excerpt = fields.get("excerpt")
    return f"{fields['kind'] or 'message'}, {size(fields['size'])}" + (f": {excerpt}" if excerpt else ".")


def _mark(event: Happening, name: str, text: str, place: str = BODY) -> Piece:
    return Piece(event.at, event.at, place, name, text, form="mark")


def _send(event: Happening, name: str, text: str) -> Piece:
    if event.returned is None:
        return _mark(event, name, f"{text} Its send() never came back." if text else "")
    took = event.returned - event.at
    return _piece(event.at, event.returned, name, f"{text} The server took it in {duration(took)}.".strip())


def _piece(started: int, finished: int, name: str, text: str) -> Piece:
    if finished <= started:
        return Piece(started, started, BODY, name, text, form="mark")
    works: tuple[Interval, ...] = ((started, finished),)
    return Piece(started, finished, BODY, name, text, works=works)
