"""Two answers, and where the time of each went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...exchange import Exchange
from ..units import size
from .pairs import Pair, Side, align

#: Places of a request's way, in its order: names of Split's fields, of their colours, and in words.
PLACES: Final = (
    ("process", "server", "New process"),
    ("interface", "interface", "Interface and handler"),
    ("middleware", "middleware", "Middleware"),
    ("view", "view", "View"),
    ("body", "body", "Body"),
)


def answers(left: Exchange, right: Exchange) -> list[Pair]:
    return align(list(_answer(left)), list(_answer(right)))


def _answer(exchange: Exchange) -> Iterator[Side]:
    status = "—" if exchange.status is None else str(exchange.status)
    yield Side("status", "Status", status, status, "answer")
    sizes = exchange.sizes
    yield Side("body", "Body", size(sizes.body_bytes), str(sizes.body_bytes), "answer")
    yield Side("chunks", "Chunks", f"{sizes.chunks:,}", str(sizes.chunks), "answer")
    seen: dict[str, list[tuple[str, str]]] = {}
    for name, value in exchange.headers or ():
        seen.setdefault(str(name).lower(), []).append((str(name), str(value)))
    for lowered, pairs in seen.items():
        for number, (name, value) in enumerate(pairs):
            # ASGI asks for small letters, WSGI keeps what the application wrote: that is no difference.
            yield Side(f"header {lowered} {number}", name, value, value.strip(), "headers")


@dataclass(frozen=True, slots=True)
class Time:
    """One place's time on both sides, in nanoseconds; bars in percent of the longer exchange."""

    place: str
    name: str
    left: int | None
    right: int | None
    left_bar: float
    right_bar: float

    @property
    def difference(self) -> int | None:
        return None if self.left is None or self.right is None else self.right - self.left

    @property
    def signed(self) -> str:
        """Of the difference."""
        return "+" if (self.difference or 0) > 0 else ""


def times(left: Exchange, right: Exchange) -> list[Time]:
    """Each place's time, then what the operating system and the event loop say."""
    extent = max(left.duration or 0, right.duration or 0) or 1
    found = [_time("client", "All of it", left.duration, right.duration, extent)]
    for field, place, name in PLACES:
        first, second = getattr(left.split, field), getattr(right.split, field)
        if first or second:
            found.append(_time(place, name, first, second, extent))
    for state, name in (("running", "on a CPU"), ("ready", "ready, waiting for a CPU"), ("sleeping", "asleep")):
        first, second = (getattr(each.scheduler, state) if each.scheduler else None for each in (left, right))
        if (first, second) != (None, None):
            found.append(_time("queue", f"Its thread {name}", first, second, extent))
    for state, name in (("running", "running"), ("suspended", "suspended")):
        first, second = (getattr(each.loop, state) if each.loop else None for each in (left, right))
        if (first, second) != (None, None):
            found.append(_time("queue", f"On the event loop: {name}", first, second, extent))
    return found


def _time(place: str, name: str, left: int | None, right: int | None, extent: int) -> Time:
    return Time(place, name, left, right, _bar(left, extent), _bar(right, extent))


def _bar(part: int | None, extent: int) -> float:
    return min(round(100 * max(part or 0, 0) / extent, 2), 100.0)
