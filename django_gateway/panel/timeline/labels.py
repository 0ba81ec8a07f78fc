"""Where words go in a drawing whose width is not known: which of several, on which side, and whether they have room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from ..words import cut

#: Pixels of the narrowest plot.
WIDTH: Final = 700
#: A label's distance from the edge of what it is in or beside, in pixels.
GAP: Final = 6
LONGEST: Final = 72


class Stretch(NamedTuple):
    """Percent of the plot."""

    x: float
    width: float

    @property
    def end(self) -> float:
        return self.x + self.width


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    #: Pixels from x.
    dx: int
    anchor: Literal["start", "end"]
    text: str
    #: What is under it: "pale", "solid" or "ground".
    on: Literal["pale", "solid", "ground"]
    #: Pixels that it takes, and percent of the plot that there are.
    need: int
    room: float
    #: Whether it is shown in the narrowest plot.
    visible: bool = False

    @property
    def fits(self) -> bool:
        """In the narrowest plot."""
        return self.need <= self.room * WIDTH / 100

    @property
    def taken(self) -> Stretch:
        """What it covers in the narrowest plot."""
        width = self.need * 100 / WIDTH
        return Stretch(self.x if self.anchor == "start" else self.x - width, width)


def text_width(text: str) -> int:
    """Pixels that ``text`` takes at most in the labels' font."""
    return round(sum(11.5 if ord(character) > 0x2E80 else 6.3 for character in text))


def inside_or_beside(
    texts: Iterable[str], bar: Stretch, works: Sequence[Stretch], others: Sequence[Stretch]
) -> list[Label]:
    """One for each of ``texts``, at its best place: in the longest stretch of one shade, else to the right, else left.

    The first that fits is the visible one. ``works`` are the solid parts of ``bar``, ``others`` what else is in the
    row, labels beside their bars included.
    """
    labels = []
    seen = False
    for text in texts:
        candidates = _candidates(cut(text, LONGEST), bar, works, others)
        # Nobody else ever wants the room inside: what does not fit in the narrowest plot may appear there in a wider.
        label = next((label for label in candidates if label.fits), candidates[0])
        labels.append(replace(label, visible=label.fits and not seen))
        seen = seen or label.fits
    return labels


def _candidates(text: str, bar: Stretch, works: Sequence[Stretch], others: Sequence[Stretch]) -> list[Label]:
    need = text_width(text) + 2 * GAP
    room, on, start = _longest(bar, works, others)
    candidates = [Label(start, GAP, "start", text, on, need, room)]
    if all(not stretch.x <= bar.end < stretch.end for stretch in others):
        after = min((stretch.x for stretch in others if stretch.x >= bar.end), default=100.0) - bar.end
        candidates.append(Label(round(bar.end, 4), GAP, "start", text, "ground", need, round(after, 4)))
    if all(not stretch.x < bar.x <= stretch.end for stretch in others):
        before = bar.x - max((stretch.end for stretch in others if stretch.end <= bar.x), default=0.0)
        candidates.append(Label(bar.x, -GAP, "end", text, "ground", need, round(before, 4)))
    return candidates


def _longest(
    bar: Stretch, works: Sequence[Stretch], others: Sequence[Stretch]
) -> tuple[float, Literal["pale", "solid"], float]:
    """Percent, shade and start of the longest part of ``bar`` that is all solid or all pale."""
    inside = [other for other in others if bar.x <= other.x < bar.end and other.width < bar.width]
    longest, start, at = 0.0, bar.x, bar.x
    for edge in sorted([*works, *inside, Stretch(bar.end, 0.0)], key=lambda stretch: stretch.x):
        if edge.x - at > longest:
            longest, start = edge.x - at, at
        at = max(at, edge.end)
    solid = max(works, key=lambda stretch: stretch.width, default=Stretch(0.0, 0.0))
    # Dark text on pale reads better: solid only where it is much the larger part.
    if solid.width > 1.5 * longest:
        return round(solid.width, 4), "solid", round(solid.x, 4)
    return round(longest, 4), "pale", round(start, 4)
