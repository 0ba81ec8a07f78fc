"""The lanes of what came back: head and body of a response, or the messages of a WebSocket."""

from __future__ import annotations

from ...exchange import LIFESPAN, WEBSOCKET, Exchange
from ..units import duration, size
from ..words import count
from .intervals import Interval
from .pieces import BODY, CLIENT, Lane, Piece
from .spans import Happening, Trail


def lanes(exchange: Exchange, trail: Trail) -> list[Lane]:
    if exchange.type == WEBSOCKET:
        return _conversation(exchange, trail)
    if exchange.type == LIFESPAN:
        row = [_send(event, event.name.removeprefix("lifespan."), "") for event in trail.named("lifespan.")]
        return [Lane("messages", BODY, "Lifespan", "", [row])] if row else []
    lane = _body(exchange, trail)
    return [lane] if lane else []


def _body(exchange: Exchange, trail: Trail) -> Lane | None:
    row: list[Piece] = []
    chunks = [event for event in trail.happenings if event.name in ("wsgi.body", "wsgi.write", "http.response.body")]
    following = {event.at: after.at for event, after in zip(trail.happenings, trail.happenings[1:], strict=False)}
    for event in trail.happenings:
        if event.name == "wsgi.start_response":
            row.append(_mark(event, "start_response", f"Told the server {event.fields['status']} and the headers."))
        elif event.name == "http.response.start":
            row.append(_send(event, "http.response.start", f"Status {event.fields['status']} and the headers."))
        elif event.name in ("wsgi.body", "wsgi.write"):
            text = f"{size(event.fields['size'])} handed to the server."
            sent = following.get(event.at, trail.extent) if len(chunks) < 3 else event.at
            row.append(_piece(event.at, max(sent, event.at), "chunk", text))
        elif event.name == "http.response.body":
            row.append(_send(event, "chunk", f"{size(event.fields['size'])} handed to the server."))
        elif event.name == "http.response.other":
            row.append(_send(event, str(event.fields["type"]), "Sent to the server."))
        elif event.name == "django.response.close":
            row.append(_mark(event, "response.close()", "Django closed the response."))
        elif event.name == "asgi.cancelled":
            row.append(
                Piece(event.at, event.at, "bad", "cancelled", "The server cancelled the application.", form="failure")
            )
    if not row:
        return None
    subtitle = f"{count(len(chunks), 'chunk')}, {size(exchange.sizes.body_bytes)}" if chunks else ""
    return Lane("body", BODY, "Body", subtitle, [row])


def _conversation(exchange: Exchange, trail: Trail) -> list[Lane]:
    received: list[Piece] = []
    sent: list[Piece] = []
    for event in trail.happenings:
        stem, _, kind = event.name.partition(".")
        if stem != "websocket":
            continue
        if kind == "receive":
            received.append(_mark(event, "received", _payload(event), CLIENT))
        elif kind in ("connect", "disconnect"):
            code = event.fields.get("code")
            text = "The client asked to connect." if kind == "connect" else f"The connection is over, code {code}."
            received.append(_mark(event, kind, text, CLIENT))
        elif kind == "send":
            sent.append(_send(event, "sent", _payload(event)))
        else:
            code = event.fields.get("code")
            text = "The application accepted." if kind == "accept" else f"The application closed, code {code}."
            sent.append(_send(event, kind, text))
    sizes = exchange.sizes
    return [
        Lane("received", CLIENT, "From the client", count(sizes.received, "message"), [received]),
        Lane("sent", BODY, "To the client", count(sizes.sent, "message"), [sent]),
    ]


def _payload(event: Happening) -> str:
    excerpt = event.fields.get("excerpt")
    return f"{event.fields['kind']}, {size(event.fields['size'])}" + (f": {excerpt}" if excerpt else ".")


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
