"""The exception, where it came from and what became of it."""

from __future__ import annotations

import sysconfig
from pathlib import PurePath
from typing import Any

from .base import Query, Subject, Values

_LIBRARIES = tuple(
    str(PurePath(path)) for name in ("stdlib", "purelib", "platlib") if (path := sysconfig.get_paths().get(name))
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
        # As a traceback reads: the innermost last.
        "frames": [_frame(frame) for frame in failure.frames],
    }


def _frame(frame: Any) -> dict[str, Any]:
    """Code of libraries is quieter than the project's own."""
    library = "site-packages" in frame.file or frame.file.startswith(_LIBRARIES)
    return {"file": frame.file, "line": frame.line, "function": frame.function, "code": frame.code, "library": library}
