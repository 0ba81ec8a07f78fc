"""What a tab is given, and what several of them need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from ...exchange import Exchange
from ..timeline import Trail, read

Item = TypeVar("Item")

PAGE: Final = 500


@dataclass(frozen=True)
class Subject:
    """An exchange as a tab looks at it."""

    exchange: Exchange
    #: Nanoseconds that an exchange in flight has lasted by now.
    elapsed: int = 0

    @cached_property
    def trail(self) -> Trail:
        return read(self.exchange, self.elapsed)


Query = Mapping[str, str]
Values = dict[str, Any]


@dataclass(frozen=True)
class Page(Generic[Item]):
    items: Sequence[Item]
    number: int
    pages: int
    total: int
    #: Number of the first item, counted from 1.
    first: int

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.pages else None


def page_of(items: Sequence[Item], query: Query, size: int = PAGE) -> Page[Item]:
    """The page that ``query`` asks for; the nearest where there is no such page."""
    pages = max(1, -(-len(items) // size))
    asked = query.get("page", "1")
    number = min(max(int(asked[:9]) if asked.isascii() and asked.isdigit() else 1, 1), pages)
    start = (number - 1) * size
    return Page(items[start : start + size], number, pages, len(items), start + 1 if items else 0)
