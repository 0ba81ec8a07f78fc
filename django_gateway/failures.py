"""Exceptions as they are recorded: with their traceback, without any local variable."""

from __future__ import annotations

import os
import traceback
from types import TracebackType
from typing import Final

from .exchange import Failure, Frame
from .legible import shortened

#: Frames of a traceback that are kept, the innermost ones.
_FRAMES: Final = 50


def describe(error: BaseException, where: str | None, *, handled: bool) -> Failure:
    """``error`` with its traceback, without the recorder's own frames and without any local variable."""
    return Failure(
        f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        shortened(_message(error)),
        _frames(error.__traceback__),
        where,
        handled,
    )


def without_us(error: BaseException) -> None:
    """Take the frame that caught ``error``, which is ours, out of its traceback; a bare ``raise`` leaves it out.

    What the project logs and what Django's error pages show is then the same as without the recorder.
    """
    trace = error.__traceback__
    if trace is not None:
        error.__traceback__ = trace.tb_next


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:
        return f"<its __str__ raised {type(broken).__name__}>"


_ours = os.path.dirname(__file__) + os.sep


def _frames(trace: TracebackType | None) -> list[Frame]:
    summary = traceback.StackSummary.extract(
        ((frame, line) for frame, line in traceback.walk_tb(trace) if line is not None), lookup_lines=False
    )
    frames = [frame for frame in summary if not frame.filename.startswith(_ours)][-_FRAMES:]
    return [Frame(frame.filename, frame.lineno or 0, frame.name, shortened(frame.line or "")) for frame in frames]
