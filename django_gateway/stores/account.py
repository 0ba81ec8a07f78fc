"""What recording costs a process and what it had to drop, kept in a small file beside the store.

Not in the store: what could not be written there has to be told as well. ``.gateway/recorders/PID.json`` is replaced
at most once a second, by the writer's own thread, and goes when the process has ended and another one begins.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from .. import native
from .liveness import lives

FOLDER: Final = "recorders"
#: Of so many exchanges, a power of two, the packing of one is timed.
SAMPLED_OF: Final = 128
_EVERY: Final = 1.0  # seconds


class Report(msgspec.Struct, frozen=True):
    """Of one process. Times in nanoseconds, the instants since the epoch."""

    pid: int
    #: Of the report: the process lived then.
    at: int
    written: int
    dropped: int
    #: Why the last batch could not be written.
    error: str | None
    #: Mistakes of the recorder itself, swallowed, and the last of them.
    faults: int
    fault: str | None
    #: CPU time of the thread that writes, and for how many exchanges.
    cpu: int
    in_flight: int
    #: CPU time of the request's thread for packing its exchange, the median of some; None before the first of them.
    packing: int | None = None
    #: Whether it records with the part in C.
    compiled: bool = False

    @property
    def alive(self) -> bool:
        return lives(self.pid, self.at)


class Counted(Protocol):
    """A writer, as far as its account is concerned."""

    written: int
    dropped: int
    error: str | None
    in_flight: dict[int, object]

    @property
    def samples(self) -> Iterable[int]: ...


class Account:
    """``folder`` is the ``.gateway`` folder; nothing is written where it does not exist."""

    def __init__(self, folder: Path, faults: Callable[[], tuple[int, str | None]]) -> None:
        self._folder = folder
        self._faults = faults
        self._pid = 0
        self._told: tuple[int | str | None, ...] = ()
        self._next = 0.0
        #: Whether something is to be told that has not been.
        self.owes = False

    def settle(self, writer: Counted) -> None:
        """In the writer's thread, after each of its rounds. Never raises: what can't be written is not."""
        count, fault = self._faults()
        now = (writer.written, writer.dropped, writer.error, count, len(writer.in_flight))
        self.owes = now != self._told
        if not self.owes or time.monotonic() < self._next:
            return
        self.owes = False
        self._told = now
        self._next = time.monotonic() + _EVERY
        report = Report(
            pid=os.getpid(),
            at=time.time_ns(),
            written=writer.written,
            dropped=writer.dropped,
            error=writer.error,
            faults=count,
            fault=fault,
            cpu=time.thread_time_ns(),
            in_flight=len(writer.in_flight),
            packing=samples[len(samples) // 2] if (samples := sorted(writer.samples)) else None,
            compiled=native.core is not None,
        )
        with suppress(Exception):
            self._write(report)

    def _write(self, report: Report) -> None:
        folder = self._folder / FOLDER
        if self._pid != report.pid:
            if not self._folder.is_dir():
                return
            folder.mkdir(exist_ok=True)
            for other in folder.glob("*.json"):
                if not (known := _read(other)) or not known.alive:
                    other.unlink(missing_ok=True)
            self._pid = report.pid
        path = folder / f"{report.pid}.json"
        new = path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(report))
        new.replace(path)


def reports(folder: Path) -> list[Report]:
    """Of the processes that live, by their ids."""
    found = [_read(path) for path in (folder / FOLDER).glob("*.json")]
    return sorted((report for report in found if report and report.alive), key=lambda report: report.pid)


def _read(path: Path) -> Report | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError):
        return None
