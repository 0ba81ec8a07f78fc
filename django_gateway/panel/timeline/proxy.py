"""The lane of the proxy in front, and the picture that it makes longer: the proxy begins first and ends last."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...exchange import Exchange
from ...proxied import Phase, Proxied, proxied
from ..units import MILLISECOND, duration, size
from .intervals import Interval
from .pieces import CLIENT, PROXY, QUEUE, Lane, Link, Picture, Piece

_WORDS: Final = {
    "receiving": ("request received", "It read the request from the client."),
    "connecting": ("connecting", "It connected to the application's server."),
    "waiting": ("waiting for the first byte", "The application had been asked and had not answered yet."),
    "answering": ("answer passed on", "The application's answer came, and went on to the client."),
    "sending": ("sent to the client", "The application was done; the client had not read all of it yet."),
}


def with_proxy(picture: Picture, exchange: Exchange) -> Picture:
    """The same picture where no proxy has seen the exchange."""
    seen = proxied(exchange)
    if seen is None:
        return picture
    if exchange.interface == "proxy":
        return Picture(_extent(seen), [_client(picture.lanes[0], seen, _extent(seen)), _lane(seen)])
    lead = -seen.started
    extent = max(lead + picture.extent, seen.total)
    lanes = [_later(lane, lead) for lane in picture.lanes]
    lanes[0] = _client(lanes[0], seen, seen.total)
    lanes[1:1] = [_lane(seen), *_queue(seen)]
    links = [Link(link.at + lead, link.source, link.target, link.way) for link in picture.links]
    return Picture(extent, lanes, links, picture.ended)


def _extent(seen: Proxied) -> int:
    """Proxies count in milliseconds: what took none of them took some part of one."""
    return max(seen.total, MILLISECOND)


def _queue(seen: Proxied) -> list[Lane]:
    """Between the proxy's asking and the application's call, where the two clocks tell anything between them."""
    if not seen.queue:
        return []
    waited = duration(seen.queue)
    text = (
        f"{seen.title} had sent the request on; about {waited} later the application was called. Meanwhile the"
        " connection stood in the listening socket's queue until a worker accepted it, and the server read the request."
    )
    called = -seen.started
    labels = (f"about {waited} until a worker took it", f"about {waited}")
    piece = Piece(called - seen.queue, called, QUEUE, "waiting to be accepted", text, labels)
    return [Lane("queue", QUEUE, "Socket, queue", "waits for a worker", [[piece]])]


def _lane(seen: Proxied) -> Lane:
    pieces = [_piece(phase, seen) for phase in seen.phases if phase.finished > phase.started]
    if not pieces:
        pieces = [Piece(0, _extent(seen), PROXY, seen.title, seen.reason or "", works=((0, _extent(seen)),))]
    if seen.reason is not None:
        pieces.append(Piece(seen.total, seen.total, PROXY, str(seen.told.get("status")), seen.reason, form="mark"))
    return Lane("proxy", PROXY, seen.title, f"pid {seen.pid}" if seen.pid else "", [pieces])


def _piece(phase: Phase, seen: Proxied) -> Piece:
    name, text = _WORDS[phase.name]
    if phase.name == "waiting" and seen.queue is not None:
        text = f"{text} For {duration(seen.queue)} of it no worker had taken the request."
    if phase.name == "sending" and seen.told.get("sent_bytes"):
        text = f"{text} It was {size(seen.told['sent_bytes'])}."
    if seen.told.get("upstream") is None:
        name, text = "answered by the proxy", seen.reason or ""
    works: tuple[Interval, ...] = () if phase.name in ("waiting", "sending") else ((phase.started, phase.finished),)
    return Piece(phase.started, phase.finished, PROXY, name, text, (name, phase.name), works)


def _client(lane: Lane, seen: Proxied, until: int) -> Lane:
    # The client speaks with the proxy alone: what the application does after that it does not wait for.
    row = [replace(piece, started=0, finished=until) for piece in lane.rows[0][:1]]
    return replace(lane, place=CLIENT, subtitle=str(seen.told.get("client") or lane.subtitle), rows=[row])


def _later(lane: Lane, lead: int) -> Lane:
    return replace(lane, rows=[[_moved(piece, lead) for piece in row] for row in lane.rows])


def _moved(piece: Piece, lead: int) -> Piece:
    return replace(
        piece,
        started=piece.started + lead,
        finished=piece.finished + lead,
        works=tuple((start + lead, end + lead) for start, end in piece.works),
        mixed=tuple((start + lead, end + lead) for start, end in piece.mixed),
    )
