"""Why the project could not be loaded, told with the frames that a person can act on."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path
from traceback import FrameSummary, TracebackException
from typing import Final

_OURS: Final = str(Path(__file__).resolve().parent)
#: What is installed rather than written here: a frame in it is shown only below one of the project's.
_INSTALLED: Final = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")} - {None}
)
#: Frames shown of what the project called.
_CALLED: Final = 3


def title(error: BaseException) -> str:
    """The exception in one line, much as the last line of a traceback has it."""
    message = (error.msg or "") if isinstance(error, SyntaxError) else str(error)
    first = next((line.strip(" :") for line in plain(message).splitlines() if line.strip()), "")
    name = type(error).__name__
    return first if first.startswith(name) else f"{name}: {first}".removesuffix(": ")


def plain(text: str) -> str:
    """The text without a terminal's colours, which Django puts into the errors of its checks."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def useful_traceback(error: BaseException) -> str:
    """The traceback without the import machinery, without our own frames, and without what leads to the project."""
    report = TracebackException.from_exception(error)
    _shorten(report, set())
    return "".join(report.format())


def _shorten(report: TracebackException, seen: set[int]) -> None:
    if id(report) in seen:
        return
    seen.add(id(report))
    report.stack[:] = _useful(report.stack)
    for other in (report.__cause__, report.__context__):
        if other is not None:
            _shorten(other, seen)
    # An import that is tried twice fails twice, the second time "during handling of the above exception".
    while report.__context__ is not None and _same(report, report.__context__):
        report.__context__ = report.__context__.__context__


def _same(one: TracebackException, other: TracebackException) -> bool:
    return list(one.format_exception_only()) == list(other.format_exception_only()) and one.stack == other.stack


def _useful(frames: list[FrameSummary]) -> list[FrameSummary]:
    """The project's frames, and the last few of what they called: how Django came to them says nothing."""
    kept = [frame for frame in frames if not frame.filename.startswith(("<frozen ", _OURS))]
    written_here = [number for number, frame in enumerate(kept) if not frame.filename.startswith(_INSTALLED)]
    if not written_here:
        return kept[-1:]
    called = kept[written_here[-1] + 1 :]
    return [*(kept[number] for number in written_here), *called[-_CALLED:]]


def hint(error: BaseException) -> str:
    """A sentence on an error that is known to puzzle, or nothing."""
    if type(error).__name__ == "AppRegistryNotReady":
        return (
            "The application's module uses models or apps before get_wsgi_application() or get_asgi_application() "
            "has set Django up; every server would stop here. Move those imports below that call."
        )
    return ""
