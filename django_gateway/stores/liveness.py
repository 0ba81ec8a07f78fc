"""Whether the process that served an exchange still lives."""

from __future__ import annotations

import os
from typing import Final

_PROC: Final = "/proc"
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
#: Boot time is known to the second, and a start to the tick.
_SLACK = 2 * 10**9


def lives(pid: int, since: int) -> bool:
    """Whether process ``pid`` lives and did so at ``since`` (nanoseconds since the epoch).

    Where /proc does not tell when it began, a process of that number counts as the one that is meant.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's: it lives
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:
            # The name, in parentheses, may hold anything; fields 3 (state) and 22 (starttime) are counted behind it.
            fields = file.read().rpartition(b")")[2].split()
        with open(f"{_PROC}/stat", "rb") as file:
            booted = next(int(line.split()[1]) for line in file if line.startswith(b"btime"))
    except (OSError, StopIteration, ValueError):
        return True
    began = booted * 10**9 + int(fields[19]) * 10**9 // _TICKS
    return fields[0] not in (b"Z", b"X") and began <= since + _SLACK
