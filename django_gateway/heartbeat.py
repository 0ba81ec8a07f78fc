"""The lag of an event loop: how late it runs what is due.

Nobody but the loop's own callbacks can tell, as a server's or the project's own tasks hold it up as well as requests
do. So a callback is handed to it from another thread now and then, and says when it ran.
"""

from __future__ import annotations

from bisect import bisect_left
from time import perf_counter_ns as now
from typing import Any, Final, Protocol

#: Beats that are kept of one loop.
_KEPT: Final = 256


class Step(Protocol):
    """What an exchange does on the loop; ``since`` is when the step began that is going on, 0 between two steps."""

    since: int


class Heartbeat:
    """Of one loop. ``beat`` is for one thread alone; instants are in nanoseconds."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        #: When the beat was handed over that has not run yet; 0 where there is none.
        self._handed = 0
        #: The same instant, and the beginning of the step that was going on then.
        self._during = (0, 0)
        #: ``(ran, late)`` in the order of time, each less late than the one before it: a beat that was later than those
        #: before it takes their place. So the first one since an instant was the latest since then.
        self._late: list[tuple[int, int]] = []

    def beat(self, step: Step | None) -> None:
        """Hand a callback to the loop, which may be in ``step``; a closed loop gets none."""
        if self._handed:
            return
        since = step.since if step is not None else 0
        self._handed = handed = now()
        try:
            self._loop.call_soon_threadsafe(self._run)
        except Exception:  # closed: a RuntimeError, with the loops that are known
            self._handed = 0
            return
        if step is not None and since and step.since == since:
            # All that has become due since the step began waits for its end.
            self._during = handed, since

    def _due(self) -> int:
        handed, since = self._during
        return since if handed == self._handed else self._handed

    def _run(self) -> None:
        ran = now()
        late = ran - self._due()
        self._handed = 0
        beats = self._late
        while beats and beats[-1][1] <= late:
            beats.pop()
        beats.append((ran, late))
        if len(beats) > _KEPT:
            del beats[_KEPT // 2]

    def worst(self, since: int, until: int) -> int | None:
        """For how long at most something that was due had to wait in that time; None where no beat fell into it.

        ``until`` is now, or not long ago: of what came before a later beat only the worst is kept.
        """
        beats = self._late
        place = bisect_left(beats, (since, 0))
        # The first may have been due before, and counts from ``since`` only; then the next may be the worst.
        waits = [min(ran, until) - max(ran - late, since) for ran, late in beats[place : place + 2]]
        due = self._due()
        if due:
            waits.append(until - max(due, since))
        return max((wait for wait in waits if wait >= 0), default=None)
