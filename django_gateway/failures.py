"""Exceptions as they are recorded: with their traceback, without any local variable."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable
from types import FrameType
from typing import Final

from .exchange import Failure, Frame
from .legible import shortened

#: Frames that are kept, the innermost ones.
_FRAMES: Final = 50


def describe(error: BaseException, where: str | None, *, handled: bool) -> Failure:
    """``error`` with its traceback, without the recorder's own frames and without any local variable."""
    return Failure(
        f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        shortened(_message(error)),
        calls(traceback.walk_tb(error.__traceback__)),
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


#: Where the recorder's own files are.
OURS: Final = os.path.dirname(__file__) + os.sep


def calls(frames: Iterable[tuple[FrameType, int | None]]) -> list[Frame]:
    """Frames and their lines, outermost first, as they are recorded: without the recorder's own, the innermost ones."""
    kept = [
        (frame, line) for frame, line in frames if line is not None and not frame.f_code.co_filename.startswith(OURS)
    ][-_FRAMES:]
    summary = traceback.StackSummary.extract(iter(kept), lookup_lines=False)
    return [Frame(call.filename, call.lineno or 0, call.name, shortened(call.line or "")) for call in summary]
