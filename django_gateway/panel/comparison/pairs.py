"""Facts of two sides, brought together by what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: "same" in name and value, "form": the same under another name or in another form, "differs", or only one has it.
Relation = Literal["same", "form", "differs", "left", "right"]


@dataclass(frozen=True, slots=True)
class Side:
    """One thing that one side says. Sides of one topic speak of the same."""

    topic: str
    #: Under which name it is found: ``PATH_INFO``, ``headers["host"]``.
    key: str
    #: As it is shown; recorded text.
    value: str
    #: As it is compared: the same for two that mean the same.
    meaning: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    left: Side | None
    right: Side | None
    relation: Relation

    @property
    def group(self) -> str:
        side = self.left or self.right
        return side.group if side else ""


def align(left: Sequence[Side], right: Sequence[Side]) -> list[Pair]:
    """In the order of ``left``; what only ``right`` has follows what stood before it there. Topics are unique."""
    others = {side.topic: side for side in right}
    known = {side.topic for side in left}
    #: What only the right side has, by the shared topic that it follows.
    extra: dict[str, list[Pair]] = {}
    anchor = ""
    for side in right:
        if side.topic in known:
            anchor = side.topic
        else:
            extra.setdefault(anchor, []).append(Pair(None, side, "right"))
    found = extra.get("", [])
    for side in left:
        found.append(_pair(side, others.get(side.topic)))
        found += extra.get(side.topic, [])
    return found


def _pair(left: Side, right: Side | None) -> Pair:
    if right is None:
        return Pair(left, None, "left")
    if left.meaning != right.meaning:
        return Pair(left, right, "differs")
    return Pair(left, right, "same" if (left.key, left.value) == (right.key, right.value) else "form")
