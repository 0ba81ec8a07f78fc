"""The way of the request as a picture, a sentence and a list."""

from __future__ import annotations

from typing import Any, Final

from ...exchange import Exchange
from ..remark import remark
from ..story import sentence
from ..timeline import Trail, picture, read, timeline
from . import handover

#: Entries of the list that says in words what the picture shows.
WORDS: Final = 400


def build(exchange: Exchange, elapsed: int) -> dict[str, Any]:
    trail: Trail = read(exchange, elapsed)
    drawn = timeline(picture(exchange, elapsed))
    steps = sorted(drawn.shapes, key=lambda shape: (shape.piece.started, -shape.piece.finished))
    forms = {shape.piece.form for shape in drawn.shapes}
    return {
        "timeline": drawn,
        "steps": steps[:WORDS],
        "more_steps": max(0, len(steps) - WORDS),
        "sentence": sentence(exchange, trail),
        "remark": remark(exchange, trail),
        "hops": "hop" in forms,
        "hatched": sorted({shape.piece.place for shape in drawn.shapes if shape.mixed}),
        "brief": handover.build(exchange, brief=True),
    }
