"""The request log: runserver's lines through runserver's logger, which colours them by status."""

from __future__ import annotations

import logging
import re
import time
from typing import Any, Final

logger: Final = logging.getLogger("django.server")

# C0 and C1 controls, DEL, and what lets a terminal show text in another order (Unicode's bidirectional controls).
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def escaped(text: str) -> str:
    r"""The text with control characters as escapes (``\x1b``), so that no request writes to the terminal."""
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def stamp() -> str:
    """The time, as runserver's log has it, whatever the locale."""
    now = time.localtime()
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[now.tm_mon - 1]
    return f"{now.tm_mday:02}/{month}/{now.tm_year:04} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}"


def write(line: str, code: int | str, what: Any = "", *, status: int | None = None, request: Any = None) -> None:
    """One line: the request line, a code and a last word. ``status``, an HTTP status, decides level and colour."""
    level = logging.INFO
    if status is not None and status >= 400:
        level = logging.ERROR if status >= 500 else logging.WARNING
    extra = {"request": request, "server_time": stamp(), "status_code": status}
    logger.log(level, '"%s" %s %s', escaped(line), code, what, extra=extra)


def note(text: str, *, level: int = logging.INFO) -> None:
    logger.log(level, "%s", escaped(text), extra={"server_time": stamp()})
