"""Which code is the project's own."""

from __future__ import annotations

import os
import sysconfig
from typing import Final

from ..exchange import Frame

_LIBRARIES: Final = tuple(
    path + os.sep for name in ("stdlib", "purelib", "platlib") if (path := sysconfig.get_paths().get(name))
)


def is_library(frame: Frame) -> bool:
    """Whether the code is installed rather than the project's own; the panel may run elsewhere than the project."""
    return (
        "site-packages" in frame.file
        or frame.file.startswith(("<frozen ", *_LIBRARIES))
        or "/lib/python3" in frame.file
    )


def innermost(frames: list[Frame] | None) -> Frame | None:
    """The innermost call in the project's own code, or else the innermost of all."""
    frames = frames or []
    return next((frame for frame in reversed(frames) if not is_library(frame)), frames[-1] if frames else None)


def place(frame: Frame) -> str:
    return f"{frame.file.rpartition('/')[2]}, line {frame.line}"
