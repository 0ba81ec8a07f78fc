"""The exception, where it came from and what became of it."""

from __future__ import annotations

import os
import sysconfig
from itertools import groupby
from typing import Final

from ...exchange import Frame
from .base import Query, Subject, Values

_LIBRARIES: Final = tuple(
    path + os.sep for name in ("stdlib", "purelib", "platlib") if (path := sysconfig.get_paths().get(name))
)


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


def is_library(frame: Frame) -> bool:
    """Whether the code is installed rather than the project's own; the panel may run elsewhere than the project."""
    return (
        "site-packages" in frame.file
        or frame.file.startswith(("<frozen ", *_LIBRARIES))
        or "/lib/python3" in frame.file
    )
