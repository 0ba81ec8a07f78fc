"""The lane of the proxy in front, and the picture that it makes longer: the proxy begins first and ends last."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...exchange import Exchange
from ...proxied import Phase, Proxied, proxied
from ..units import duration, size
from .intervals import Interval
from .pieces import CLIENT, SERVER, Lane, Link, Picture, Piece

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
        return Picture(max(seen.total, 1), [_client(picture.lanes[0], seen), _lane(seen)])
    lead = -seen.started
    extent = max(lead + picture.extent, seen.total)
    lanes = [_later(lane, lead) for lane in picture.lanes]
    lanes[0] = _client(lanes[0], seen)
    lanes.insert(1, _lane(seen))
    links = [Link(link.at + lead, link.source, link.target, link.way) for link in picture.links]
    return Picture(extent, lanes, links, picture.ended)


def _lane(seen: Proxied) -> Lane:
    pieces = [_piece(phase, seen) for phase in seen.phases if phase.finished > phase.started]
    if not pieces:
        pieces = [Piece(0, max(seen.total, 1), SERVER, seen.title, seen.reason or "", works=((0, max(seen.total, 1)),))]
    if seen.reason is not None:
        pieces.append(Piece(seen.total, seen.total, SERVER, str(seen.told.get("status")), seen.reason, form="mark"))
    return Lane("proxy", SERVER, seen.title, f"pid {seen.pid}" if seen.pid else "", [pieces])


def _piece(phase: Phase, seen: Proxied) -> Piece:
    name, text = _WORDS[phase.name]
    if phase.name == "waiting" and seen.queue is not None:
        text = f"{text} For {duration(seen.queue)} of it no worker had taken the request."
    if phase.name == "sending" and seen.told.get("sent_bytes"):
        text = f"{text} It was {size(seen.told['sent_bytes'])}."
    if seen.told.get("upstream") is None:
        name, text = "answered by the proxy", seen.reason or ""
    works: tuple[Interval, ...] = () if phase.name in ("waiting", "sending") else ((phase.started, phase.finished),)
    return Piece(phase.started, phase.finished, SERVER, name, text, (name, phase.name), works)


def _client(lane: Lane, seen: Proxied) -> Lane:
    row = [replace(piece, started=0, finished=max(seen.total, piece.finished)) for piece in lane.rows[0][:1]]
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
