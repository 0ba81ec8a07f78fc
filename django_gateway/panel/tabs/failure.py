"""The exception, where it came from and what became of it."""

from __future__ import annotations

from itertools import groupby

from ..libraries import is_library
from .base import Query, Subject, Values


def build(subject: Subject, query: Query) -> Values:
    failure = subject.exchange.failure
    if failure is None:
        return {"failure": None}
    module, _, name = failure.type.rpartition(".")
    return {
        "failure": failure,
        "name": name,
        "module": module if module != "builtins" else "",
        "groups": [
            {"library": library, "frames": list(frames)} for library, frames in groupby(failure.frames, is_library)
        ],
        "raised": failure.frames[-1] if failure.frames else None,
    }
