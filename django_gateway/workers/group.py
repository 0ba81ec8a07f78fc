"""The process group that the supervisor has made for a worker: what has been started there, and its end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

_LOOK: Final = 0.01
_PROC: Final = "/proc"


class Member(NamedTuple):
    pid: int
    parent: int


def make() -> None:
    """A group of our own, where nobody has made one: a worker that was started by hand."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)


def others() -> Iterator[Member]:
    """The living processes of our group, without this one; none where the system has no /proc to tell them."""
    group = os.getpgrp()
    try:
        entries = os.listdir(_PROC)
    except OSError:
        return
    for entry in entries:
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        with suppress(OSError, ValueError):
            with open(f"{_PROC}/{entry}/stat", encoding="latin-1") as file:
                state, parent, its_group, *_ = file.read().rpartition(")")[2].split()
            if int(its_group) == group and state != "Z":
                yield Member(int(entry), int(parent))


def end(number: signal.Signals, seconds: float) -> None:
    """Send the signal to every other process of our group, and wait until they are gone, but not for longer."""
    deadline = time.monotonic() + seconds
    for member in others():
        with suppress(ProcessLookupError):
            os.kill(member.pid, number)
    while any(True for _ in others()) and time.monotonic() < deadline:
        time.sleep(_LOOK)
