"""Where everything in the picture of an exchange stands: pure geometry.

Along the time axis positions are percent of the plot, so that a plot of any width, zoomed or not, is the same drawing;
down the lanes they are pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from ..text import shown
from ..units import duration
from ..words import cut
from .around import Around
from .collapse import collapse
from .intervals import Interval
from .labels import WIDTH, Label, Stretch, inside_or_beside
from .pieces import Lane, Picture, Piece
from .ticks import ticks

TOP: Final = 26
#: Distance of rows and height of bars, in pixels, where rows stand alone and where they lie close.
PITCH: Final = 34
BAR: Final = 16
DENSE_PITCH: Final = 15
DENSE_BAR: Final = 13
#: Above and below a group of close rows.
MARGIN: Final = 9
#: Zoom factors for which the axis has ticks of its own.
LEVELS: Final = (1, 4, 16)


@dataclass(frozen=True, slots=True)
class Shape:
    lane: str
    piece: Piece
    x: float
    width: float
    y: int
    height: int
    works: tuple[Stretch, ...]
    mixed: tuple[Stretch, ...]
    #: The same in ever fewer words; one of them is shown, or none.
    labels: list[Label]
    #: Of the labels' baseline.
    baseline: int
    #: From when to when, in words.
    when: str
    #: All of it in one sentence or two, for who can't see the picture.
    words: str


@dataclass(frozen=True, slots=True)
class Name:
    """What stands before a lane."""

    title: str
    subtitle: str
    #: The subtitle, where it had to be cut.
    whole: str
    place: str
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    x: float
    top: int
    bottom: int
    way: str


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    label: str
    anchor: Literal["start", "middle", "end"]
    #: The zoom factor from which on it is shown, until the next one's are.
    level: int


@dataclass(slots=True)
class Timeline:
    height: int
    extent: int
    names: list[Name] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    #: Heights at which lanes begin.
    rules: list[int] = field(default_factory=list)
    #: Where the present is, for an exchange that goes on.
    now: float | None = None


def timeline(picture: Picture) -> Timeline:
    axis = _Axis(picture)
    drawn = Timeline(TOP, picture.extent, marks=_marks(axis), now=None if picture.ended else axis.x(picture.extent))
    places: dict[tuple[str, int], tuple[int, int]] = {}
    for lane in picture.lanes:
        _draw(lane, drawn, axis, places)
    drawn.height += 6
    for link in picture.links:
        _, top = places[link.source]
        middle, _ = places[link.target]
        drawn.lines.append(Line(axis.x(link.at), top, middle, link.way))
    return drawn


class _Axis:
    """The plot ends a little after the exchange, so that what happens at its very end can be seen."""

    def __init__(self, picture: Picture) -> None:
        self.extent = picture.extent
        self.length = picture.extent * 1.02

    def x(self, at: int) -> float:
        return round(100 * min(max(at, 0), self.length) / self.length, 4)

    def stretch(self, interval: Interval) -> Stretch:
        x = self.x(interval[0])
        return Stretch(x, round(self.x(interval[1]) - x, 4))


def _marks(axis: _Axis) -> list[Mark]:
    marks = []
    for level in LEVELS:
        for tick in ticks(int(axis.length), 8 * level):
            x = axis.x(tick.at)
            anchor: Literal["start", "middle", "end"] = "start" if x < 1 else "end" if x > 97 else "middle"
            marks.append(Mark(x, tick.label, anchor, level))
    return marks


def _draw(lane: Lane, drawn: Timeline, axis: _Axis, places: dict[tuple[str, int], tuple[int, int]]) -> None:
    close = lane.dense or len(lane.rows) > 1
    pitch, bar, margin = (DENSE_PITCH, DENSE_BAR, MARGIN) if close else (PITCH, BAR, (PITCH - BAR) // 2)
    top = drawn.height
    drawn.rules.append(top)
    for number, row in enumerate(lane.rows):
        y = top + margin + number * pitch
        places[lane.key, number] = (y + bar // 2, y + bar)
        _draw_row(collapse(row, axis.extent), lane, y, bar, drawn, axis)
    height = 2 * margin + bar + (len(lane.rows) - 1) * pitch
    drawn.names.append(
        Name(cut(lane.title, 18), cut(lane.subtitle, 22), shown(lane.subtitle), lane.place, top + height // 2)
    )
    drawn.height += height


def _draw_row(row: list[Piece], lane: Lane, y: int, bar: int, drawn: Timeline, axis: _Axis) -> None:
    taken = [_taken(piece, axis) for piece in row]
    around = Around(taken)
    beside: list[Stretch] = []
    for number, piece in enumerate(row):
        x, width = axis.stretch((piece.started, piece.finished))
        works = tuple(axis.stretch(interval) for interval in piece.works)
        mixed = tuple(axis.stretch(interval) for interval in piece.mixed)
        labels: list[Label] = []
        if piece.labels:
            others = around.of(number) + beside
            labels = inside_or_beside(piece.labels, taken[number], works + mixed, others)
            beside += [label.taken for label in labels if label.visible and label.on == "ground"]
        when = _when(piece)
        words = f"{lane.title}: {piece.name}. {piece.text} {when}."
        drawn.shapes.append(
            Shape(
                lane.key,
                piece,
                x,
                width,
                y,
                bar,
                works,
                mixed,
                labels,
                y + bar - (bar - 8) // 2,
                when,
                " ".join(words.split()),
            )
        )


def _taken(piece: Piece, axis: _Axis) -> Stretch:
    """What a piece covers in the narrowest plot: marks have a width in pixels."""
    x, width = axis.stretch((piece.started, piece.finished))
    pixels = {"mark": 3, "failure": 16}.get(piece.form)
    if pixels is None:
        return Stretch(x, width)
    share = round(100 * pixels / WIDTH, 4)
    return Stretch(round(x - share / 2, 4), share)


def _when(piece: Piece) -> str:
    if piece.form in ("mark", "failure") or piece.started == piece.finished:
        return f"At {duration(piece.started)}"
    if not piece.ended:
        return f"Since {duration(piece.started)}"
    return f"{duration(piece.started)} to {duration(piece.finished)}, {duration(piece.finished - piece.started)}"
