"""The way of the request as a picture, a sentence and a list."""

from __future__ import annotations

from typing import Final

from ..remark import remark
from ..story import entry, sentence
from ..timeline import picture, timeline
from . import handover
from .base import Query, Subject, Values

#: Entries of the list that says in words what the picture shows.
WORDS: Final = 400


def build(subject: Subject, query: Query) -> Values:
    exchange, trail = subject.exchange, subject.trail
    drawn = timeline(picture(exchange, trail))
    steps = sorted(drawn.shapes, key=lambda shape: (shape.piece.started, -shape.piece.finished))
    return {
        "timeline": drawn,
        "steps": steps[:WORDS],
        "more_steps": max(0, len(steps) - WORDS),
        "sentence": sentence(exchange, trail),
        "remark": remark(exchange, trail),
        "hops": any(shape.piece.form == "hop" for shape in drawn.shapes),
        "hatched": sorted({shape.piece.place for shape in drawn.shapes if shape.mixed}),
        "entry": entry(exchange),
        "brief": handover.brief(exchange),
    }
