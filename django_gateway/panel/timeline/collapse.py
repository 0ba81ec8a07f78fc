"""Thousands of pieces in a row of a few hundred pixels: neighbours become one that says how many it stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..units import size
from ..words import count
from .intervals import union
from .pieces import Piece
from .spans import Happening

#: More pieces than this in one row are drawn together.
MOST: Final = 240


def gather(
    events: Sequence[Happening], extent: int, make: Callable[[Happening], Piece], most: int = MOST
) -> list[Piece]:
    """A piece for each event, made by ``make``; of too many events only one for each kind in each stretch of time."""
    if len(events) <= 2 * most:
        return [make(event) for event in events]
    bin_width = max(1, -(-extent // most))
    groups: dict[tuple[int, str], list[Happening]] = {}
    for event in events:
        groups.setdefault((event.at // bin_width, event.name), []).append(event)
    return [make(group[0]) if len(group) == 1 else _gathered(group, make(group[0])) for group in groups.values()]


def _gathered(group: list[Happening], first: Piece) -> Piece:
    started = group[0].at
    finished = max(event.at if event.returned is None else event.returned for event in group)
    sizes = [event.size for event in group if event.size is not None]
    text = f"{len(group):,} × {first.name}, {size(sum(sizes))} in all." if sizes else f"{len(group):,} × {first.name}."
    return Piece(
        started,
        finished,
        first.place,
        f"{len(group):,} together",
        text,
        works=((started, finished),) if finished > started else (),
        form="span" if finished > started else "mark",
    )


def collapse(row: list[Piece], extent: int, most: int = MOST) -> list[Piece]:
    """``row`` itself where it has few pieces; else at most about ``most``, none of a failure lost in another."""
    if len(row) <= most:
        return row
    bin_width = max(1, -(-extent // most))
    groups: dict[tuple[int, str], list[Piece]] = {}
    kept: list[Piece] = []
    for piece in row:
        # What lasts longer than a bin is large enough to be seen by itself.
        if piece.form == "failure" or piece.finished - piece.started > bin_width:
            kept.append(piece)
        else:
            groups.setdefault((piece.started // bin_width, piece.place), []).append(piece)
    kept += [_together(group) for group in groups.values()]
    return sorted(kept, key=lambda piece: (piece.started, piece.started - piece.finished))


def _together(group: list[Piece]) -> Piece:
    if len(group) == 1:
        return group[0]
    names: dict[str, int] = {}
    for piece in group:
        names[piece.name] = names.get(piece.name, 0) + 1
    most_common = sorted(names, key=lambda name: -names[name])
    some = ", ".join(f"{names[name]:,} × {name}" for name in most_common[:3])
    text = some + (f" and {count(len(names) - 3, 'more kind')}" if len(names) > 3 else "") + "."
    started = min(piece.started for piece in group)
    finished = max(piece.finished for piece in group)
    works = union(interval for piece in group for interval in piece.works)
    # A hundred slivers in one pixel look like the whole of it.
    return Piece(
        started,
        finished,
        group[0].place,
        f"{len(group):,} together",
        text,
        group[0].labels,
        works=((started, finished),) if works else (),
        form="span" if finished > started else "mark",
    )
