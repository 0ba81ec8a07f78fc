"""The picture of an exchange, taken apart for tests."""

from __future__ import annotations

from collections.abc import Iterable

from django_gateway.exchange import Exchange
from django_gateway.panel.timeline import Timeline, picture, read, timeline
from django_gateway.panel.timeline.intervals import Interval, union
from django_gateway.panel.timeline.pieces import Lane, Piece


def drawn(exchange: Exchange, elapsed: int = 0) -> Timeline:
    return timeline(picture(exchange, read(exchange, elapsed)))


def lane(exchange: Exchange, key: str, elapsed: int = 0) -> Lane:
    return next(lane for lane in picture(exchange, read(exchange, elapsed)).lanes if lane.key == key)


def pieces(exchange: Exchange, *keys: str) -> list[Piece]:
    lanes = picture(exchange, read(exchange)).lanes
    return [piece for lane in lanes if lane.key in keys for row in lane.rows for piece in row]


def worked(found: Iterable[Piece]) -> list[Interval]:
    return union(interval for piece in found for interval in piece.works)
