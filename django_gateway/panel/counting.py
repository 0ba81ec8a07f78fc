"""All that is stored, by route: counted once, and after that only what is new.

The exchanges are read in blocks, newest first, in each answer as many as there is time for; so a first look at a
hundred thousand shows the newest of them, and the next looks show more. What is in flight is kept apart until it has
ended: what has been counted does not change any more.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..exchange import IN_FLIGHT, Summary
from ..stores.base import Store
from ..stores.filters import Condition, matches
from .routes import Groups

#: Exchanges of a block.
BLOCK: Final = 2_000
#: Seconds after which an answer begins no further block.
PATIENCE: Final = 0.02
#: More news than this between two answers, and all is counted anew.
MOST_NEWS: Final = 4_000
#: Filters for which the counts are kept: each may take some MiB.
MOST_FILTERS: Final = 4


@dataclass(slots=True)
class Block:
    """The ids from ``low`` to the next newer block's, how many there are, and what they come to."""

    low: int
    size: int
    groups: Groups


@dataclass(frozen=True)
class Count:
    groups: Groups
    #: Whether nothing older is left to be counted.
    whole: bool


class Counting:
    """Of the exchanges in one store that one filter leaves. May be asked from any thread."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._conditions = conditions
        self._lock = threading.Lock()
        self._cursor = -1
        self._restart()

    def _restart(self) -> None:
        self._whole = False
        #: Newest first.
        self._blocks: list[Block] = []
        #: What the blocks come to together, but for the last one, which loses its oldest; None where that has changed.
        self._sum: Groups | None = Groups()
        self._open: dict[int, Summary] = {}
        self._newest = 0

    def count(self, store: Store, patience: float | None = None) -> Count:
        """Raises StoreError."""
        end = time.monotonic() + (PATIENCE if patience is None else patience)
        with self._lock:
            self._follow(store, ())
            self._drop(store)
            while not self._whole:
                self._read(store)
                if time.monotonic() >= end:
                    break
            return Count(self._groups(), self._whole)

    def _follow(self, store: Store, counted: Collection[int]) -> None:
        """Take in what is new; ``counted`` are ids that have just been read, and may be told once more."""
        before = self._cursor
        self._cursor, news = store.since(before, limit=MOST_NEWS)
        if before < 0 or self._cursor == before:
            return
        if self._cursor < before or len(news) == MOST_NEWS or any(map(self._reaches, store.forgotten(before))):
            self._restart()
            return
        for summary in news:
            # What lies where nobody has read yet will be found there.
            if summary.id in counted or not self._reaches(summary.id):
                continue
            self._open.pop(summary.id, None)
            if not matches(summary, self._conditions):
                continue
            if summary.state == IN_FLIGHT:
                self._open[summary.id] = summary
            else:
                self._add(summary)

    def _reaches(self, number: int) -> bool:
        return self._whole or (bool(self._blocks) and number >= self._blocks[-1].low)

    def _add(self, summary: Summary) -> None:
        if self._blocks[0].size >= BLOCK and summary.id > self._newest:
            self._blocks.insert(0, Block(summary.id, 0, Groups()))
        self._newest = max(self._newest, summary.id)
        block = next((each for each in self._blocks if each.low <= summary.id), self._blocks[-1])
        block.low = min(block.low, summary.id)
        block.size += 1
        block.groups.add(summary)
        if self._sum is not None and block is not self._blocks[-1]:
            self._sum.add(summary)

    def _drop(self, store: Store) -> None:
        """Forget what the store has forgotten: its oldest."""
        oldest = store.statistics().oldest
        if oldest is None:
            self._restart()
            return
        self._open = {number: summary for number, summary in self._open.items() if number >= oldest}
        blocks = self._blocks
        while len(blocks) > 1 and blocks[-2].low <= oldest:
            blocks.pop()
            self._sum = None
        if blocks and blocks[-1].low < oldest:
            before = blocks[-2].low if len(blocks) > 1 else None
            page = store.page(self._conditions, before=before, limit=2 * BLOCK)
            if len(page) == 2 * BLOCK:
                self._restart()
                return
            blocks[-1] = self._block(page, oldest)
            self._follow(store, _ended(page))

    def _read(self, store: Store) -> None:
        """One more block, older than those that there are."""
        before = self._blocks[-1].low if self._blocks else None
        page = store.page(self._conditions, before=before, limit=BLOCK)
        self._whole = len(page) < BLOCK
        if self._blocks and self._sum is not None:
            self._sum.merge(self._blocks[-1].groups)
        self._blocks.append(self._block(page, page[-1].id if page else 0))
        self._follow(store, _ended(page))

    def _block(self, page: Sequence[Summary], low: int) -> Block:
        ended = [summary for summary in page if summary.state != IN_FLIGHT]
        self._open.update((summary.id, summary) for summary in page if summary.state == IN_FLIGHT)
        if page:
            self._newest = max(self._newest, page[0].id)
        return Block(low, len(ended), Groups(ended))

    def _groups(self) -> Groups:
        if self._sum is None:
            self._sum = Groups()
            for block in self._blocks[:-1]:
                self._sum.merge(block.groups)
        found = Groups(self._open.values())
        found.merge(self._sum)
        if self._blocks:
            found.merge(self._blocks[-1].groups)
        return found


def _ended(page: Iterable[Summary]) -> set[int]:
    return {summary.id for summary in page if summary.state != IN_FLIGHT}


_kept: weakref.WeakKeyDictionary[Store, OrderedDict[tuple[Condition, ...], Counting]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def counting(store: Store, conditions: Sequence[Condition]) -> Counting:
    """The same for the same filter, as long as it is asked for now and then."""
    key = tuple(conditions)
    with _lock:
        kept = _kept.setdefault(store, OrderedDict())
        found = kept.get(key) or kept.setdefault(key, Counting(conditions))
        kept.move_to_end(key)
        while len(kept) > MOST_FILTERS:
            kept.popitem(last=False)
        return found
