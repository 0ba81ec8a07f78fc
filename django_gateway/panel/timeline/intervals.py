"""Intervals of time as sorted lists of ``(start, end)`` that neither touch nor overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Interval = tuple[int, int]


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Any intervals, in any order, as a sorted list without overlaps; empty and reversed ones disappear."""
    merged: list[Interval] = []
    for start, end in sorted(interval for interval in intervals if interval[1] > interval[0]):
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def subtract(intervals: Sequence[Interval], holes: Sequence[Interval]) -> list[Interval]:
    """What of ``intervals`` lies in none of ``holes``; both as ``union`` makes them."""
    left: list[Interval] = []
    index = 0
    for start, end in intervals:
        while index < len(holes) and holes[index][1] <= start:
            index += 1
        at, hole = start, index
        while hole < len(holes) and holes[hole][0] < end:
            if holes[hole][0] > at:
                left.append((at, holes[hole][0]))
            at = max(at, holes[hole][1])
            hole += 1
        if at < end:
            left.append((at, end))
    return left


def intersect(intervals: Sequence[Interval], others: Sequence[Interval]) -> list[Interval]:
    return subtract(intervals, subtract(intervals, others))


def total(intervals: Iterable[Interval]) -> int:
    return sum(end - start for start, end in intervals)
