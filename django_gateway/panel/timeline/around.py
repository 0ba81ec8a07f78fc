"""What is near a stretch of a row, where a row may have thousands."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from .labels import Stretch


class Around:
    """For each of some stretches those of the others that decide where its label goes.

    These are the ones that it overlaps, and the next on either side; all that stand alike are given.
    """

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._all = stretches
        self._by_x = sorted(range(len(stretches)), key=lambda number: stretches[number].x)
        self._xs = [stretches[number].x for number in self._by_x]
        self._by_end = sorted(range(len(stretches)), key=lambda number: stretches[number].end)
        self._ends = [stretches[number].end for number in self._by_end]
        #: How far any of those up to a place in the order of ``x`` reaches.
        self._reach = list(accumulate((stretches[number].end for number in self._by_x), max))

    def of(self, number: int) -> list[Stretch]:
        bar = self._all[number]
        first, after = bisect_left(self._xs, bar.x), bisect_left(self._xs, bar.end)
        found = set(self._by_x[first:after])
        place = first - 1
        while place >= 0 and self._reach[place] > bar.x:
            if self._all[self._by_x[place]].end > bar.x:
                found.add(self._by_x[place])
            place -= 1
        found.update(_alike(self._by_x, self._xs, range(after, len(self._xs)), number))
        before = bisect_right(self._ends, bar.x)
        found.update(_alike(self._by_end, self._ends, range(before - 1, -1, -1), number))
        found.discard(number)
        return [self._all[other] for other in sorted(found)]


def _alike(numbers: Sequence[int], values: Sequence[float], places: Iterable[int], besides: int) -> list[int]:
    """The first that is not ``besides``, and those with the same value."""
    found: list[int] = []
    value = None
    for place in places:
        if value is not None and values[place] != value:
            break
        found.append(numbers[place])
        if numbers[place] != besides:
            value = values[place]
    return found
