"""The exchanges before and after one, from a store that lists newest first."""

from __future__ import annotations

from typing import Final

from ..stores.base import Store

#: Ids are microseconds and a counter: this many are one second.
_SECOND: Final = 1_000_000 << 12
_PAGE: Final = 40


def neighbours(store: Store, number: int) -> tuple[int | None, int | None]:
    """The next newer and the next older id. Raises StoreError."""
    older = store.page(before=number, limit=1)
    return _newer(store, number), older[0].id if older else None


def _newer(store: Store, number: int) -> int | None:
    """Looks a little ahead, then closes in, until one page reaches back to ``number``."""
    low, reach = number + 1, _SECOND
    page = store.page(limit=_PAGE)
    while len(page) == _PAGE and page[-1].id > number:
        high = page[-1].id + 1
        middle = min(low + reach, (low + high) // 2)
        reach *= 8
        nearer = store.page(before=middle, limit=_PAGE)
        if nearer and nearer[0].id > number:
            page = nearer
        else:
            low, page = middle, store.page(before=high, limit=_PAGE)
    return min((summary.id for summary in page if summary.id > number), default=None)
