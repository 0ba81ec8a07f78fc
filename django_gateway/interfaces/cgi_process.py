"""A CGI process seen from inside: that it is told to end, and when it was started, as nearly as that can be known.

Nothing tells the start exactly. The kernel keeps the time in ticks of 10 ms; a pipe that was made for the process says
when it was made; a web server may pass on when the request came. All of these lie before the start, so the latest is
nearest.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from typing import Final

#: An instant (``perf_counter_ns``) and the CPU time that the process had used by then, in nanoseconds.
Step = tuple[int, int]

#: In the environment: when the web server received the request, by the clock on the wall, as microseconds or, with a
#: point, as seconds since the epoch.
RECEIVED: Final = "GATEWAY_RECEIVED"


class Terminated(BaseException):
    """SIGTERM: the web server wants this process to end, mostly because the client has left; or gatewayserve ends."""


def step() -> Step:
    return time.perf_counter_ns(), time.process_time_ns()


def started(environ: Mapping[str, str], ready: Step, stdout: int = 1) -> tuple[int, str] | None:
    """The instant and who says so ("kernel" or "server"); None where nobody does.

    ``ready`` is a step of this process' first thread: it can't have been started later than its CPU time before that.
    """
    latest = ready[0] - ready[1]
    known = [(instant, source) for instant, source in _bounds(environ, stdout) if instant <= latest]
    return max(known, default=None)


def _bounds(environ: Mapping[str, str], stdout: int) -> Iterator[tuple[int, str]]:
    here, wall = time.perf_counter_ns(), time.time_ns()
    try:
        with open("/proc/self/stat", encoding="latin-1") as file:
            # The command's name, in parentheses, may have anything in it.
            ticks = int(file.read().rpartition(")")[2].split()[19])
        since_boot = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        yield here - (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - since_boot), "kernel"
    except (OSError, ValueError, IndexError, AttributeError):
        pass
    try:
        pipe = os.fstat(stdout)
        if stat.S_ISFIFO(pipe.st_mode):
            yield here - (wall - pipe.st_ctime_ns), "kernel"
    except OSError:
        pass
    received = environ.get(RECEIVED, "")
    try:
        at = round(float(received) * 1e9) if "." in received else int(received) * 1000
        yield here - (wall - at), "server"
    except ValueError:
        pass
