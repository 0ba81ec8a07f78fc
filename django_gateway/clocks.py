"""Clocks: monotonic time, what the operating system gave a thread, and the steps of a coroutine.

RUNNING is CPU time of the thread, READY its wait in the run queue (second field of /proc/self/task/TID/schedstat; the
first advances only at ticks and switches, so it is not used), SLEEPING is the rest.
"""

from __future__ import annotations

import os
import threading
import types
from collections.abc import Coroutine, Generator
from contextlib import suppress
from threading import get_ident
from time import perf_counter_ns as now
from time import thread_time_ns
from typing import TYPE_CHECKING, Any, Final

from . import native
from .exchange import Frame, Loop, Scheduler
from .failures import without_us
from .heartbeat import Heartbeat

try:
    import resource

    _RUSAGE_THREAD: int | None = resource.RUSAGE_THREAD
except (ImportError, AttributeError):
    _RUSAGE_THREAD = None

try:
    import ctypes

    # os.pread lets go of the interpreter's lock, and getting it back from a busy thread can take 5 ms: that would be a
    # measurement that makes what it measures. The call below keeps the lock for its one microsecond.
    _pread: Any = ctypes.PyDLL(None).pread
    _pread.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long]
    _pread.restype = ctypes.c_ssize_t
except (ImportError, OSError, AttributeError):
    _pread = None

__all__ = ["Steps", "ThreadClock", "now", "stepped", "thread_clock"]


def _switched_out() -> tuple[int, int] | None:
    """How often the calling thread gave its processor up, willingly and unwillingly: of one instant."""
    if _RUSAGE_THREAD is None:
        return None
    usage = resource.getrusage(_RUSAGE_THREAD)
    return usage.ru_nvcsw, usage.ru_nivcsw


#: A thread that was off its processor for less than this was not switched at all, in nanoseconds: leaving and coming
#: back takes longer. Below it nothing more is asked of the kernel.
_NEVER_LEFT: Final = 4_000


_pid = os.getpid()

#: After so many exchanges in a row that never left the processor, the queue is not asked at the start of the next: a
#: system call costs a short request more than all else here. The first that does leave it then lacks this one number.
_QUIET: Final = 8

#: Three numbers of up to 20 digits.
_SCHEDSTAT: Final = 64
_TIMES: Final = "/proc/thread-self/schedstat"


class _Thread:
    """What is kept of one thread of one process: fork makes its descriptor stale."""

    __slots__ = ("_address", "_buffer", "_descriptor", "ident", "out", "pid", "quiet", "switched_in")

    def __init__(self) -> None:
        self.ident = get_ident()
        self.pid = _pid
        #: At the last look: how often the thread had been switched in, and how often out, willingly and unwillingly.
        self.switched_in: int | None = None
        self.out: tuple[int, int] | None = None
        #: Exchanges in a row during which the thread never left its processor.
        self.quiet = 0
        try:
            self._descriptor = os.open(_TIMES, os.O_RDONLY | os.O_CLOEXEC) if _pread else None
        except OSError:
            self._descriptor = None
        if self._descriptor is not None:
            self._buffer = ctypes.create_string_buffer(_SCHEDSTAT)
            self._address = ctypes.addressof(self._buffer)

    def __del__(self) -> None:
        # Gone with its thread, as threading.local sees to. In a forked child the number may be another file's by now.
        if self._descriptor is not None and self.pid == _pid:
            with suppress(OSError):
                os.close(self._descriptor)

    def queue(self) -> tuple[int | None, int | None]:
        descriptor = self._descriptor
        if descriptor is None or _pread(descriptor, self._address, _SCHEDSTAT, 0) <= 0:
            return None, None
        _, ready, switches = self._buffer.value.split()
        return int(ready), int(switches)


#: (thread, instant, CPU ns, run-queue ns or None, times switched in or None)
Reading = tuple[_Thread, int, int, "int | None", "int | None"]


class ThreadClock:
    """Reads the calling thread's times."""

    def __init__(self) -> None:
        self._local = threading.local()

    def _thread(self) -> _Thread:
        try:
            thread: _Thread = self._local.thread
            if thread.pid == _pid:
                return thread
        except AttributeError:
            pass
        thread = self._local.thread = _Thread()
        return thread

    def start(self) -> Reading:
        thread = self._thread()
        if thread.quiet > _QUIET:
            return thread, now(), thread_time_ns(), None, None
        ready, switches = thread.queue()
        if switches is None or switches != thread.switched_in:
            # Switched since the last exchange, as when the server's thread waited for a request.
            thread.out = _switched_out()
        return thread, now(), thread_time_ns(), ready, switches

    def whole(self, started: int) -> Reading:
        """As ``start``, for the first thread of a process that was started at that instant to serve one request."""
        thread = self._thread()
        thread.out = (0, 0)
        return thread, started, 0, 0, 1

    def since(self, start: Reading) -> Scheduler | None:
        """None in another thread than the one that made ``start``: its times say nothing of this one's."""
        thread, then, cpu, ready, switches = start
        if thread.ident != get_ident():
            return None
        running = thread_time_ns() - cpu
        away = now() - then - running
        if away < _NEVER_LEFT:
            thread.quiet += 1
            return Scheduler(running, 0, away if away > 0 else 0, 0, 0)
        thread.quiet = 0
        ready_now, switches_now = thread.queue()
        if ready is None or ready_now is None or switches is None or switches_now is None:
            return Scheduler(running, None, away, None, None)
        waited = min(away, max(0, ready_now - ready))
        thread.switched_in = switches_now
        before, thread.out = thread.out, _switched_out()
        if before is None or thread.out is None:
            return Scheduler(running, waited, away - waited, None, None)
        return Scheduler(running, waited, away - waited, thread.out[0] - before[0], thread.out[1] - before[1])


def _forked() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_forked)


if not TYPE_CHECKING and native.core is not None:
    _PythonThreadClock = ThreadClock

    class ThreadClock(native.core.ThreadClock):
        """Reads the calling thread's times."""

        __slots__ = ()

        def __init__(self) -> None:
            super().__init__(Scheduler, _TIMES if _pread else None, _RUSAGE_THREAD is not None)


thread_clock = ThreadClock()


class Steps:
    """What the event loop gave one exchange: a step lasts from a resume of its coroutine to the next suspension."""

    __slots__ = (
        "begun",
        "count",
        "heart",
        "held_up_by",
        "lag",
        "longest",
        "running",
        "sample",
        "seen",
        "since",
        "stack",
    )

    def __init__(self) -> None:
        self.count = self.running = self.longest = 0
        #: When the step began that is going on; 0 between two steps.
        self.since = 0
        #: The step that was looked at last, by its beginning, and what was seen: its stack, and whom it held up.
        self.seen = 0
        self.sample: tuple[list[Frame], list[int]] | None = None
        #: The same of the longest step.
        self.stack: tuple[list[Frame], list[int]] | None = None
        self.held_up_by: list[int] = []
        #: Who knows how late the loop is, from when on that concerns this exchange, and what it was at most.
        self.heart: Heartbeat | None = None
        self.begun = 0
        self.lag: int | None = None

    def rest(self, until: int) -> None:
        """What the loop does after ``until`` is no longer of interest."""
        heart, self.heart = self.heart, None
        if heart is not None:
            self.lag = _later(self.lag, heart.worst(self.begun, until))

    def loop(self, duration: int) -> Loop:
        stack, held_up = self.stack or (None, [])
        suspended = max(0, duration - self.running)
        lag, heart = self.lag, self.heart
        if heart is not None:  # in flight
            lag = _later(lag, heart.worst(self.begun, self.begun + duration))
        return Loop(self.running, suspended, self.count, self.longest, stack, held_up, self.held_up_by, lag)


def _later(first: int | None, second: int | None) -> int | None:
    return second if first is None else first if second is None else max(first, second)


@types.coroutine
def stepped(coroutine: Coroutine[Any, Any, Any], steps: Steps) -> Generator[Any, Any, Any]:
    """Awaits ``coroutine`` and times each of its steps; values, exceptions and cancellation pass unchanged."""
    resume: Any = coroutine.send
    argument: Any = None
    try:
        while True:
            started = steps.since = now()
            try:
                yielded = resume(argument)
            except StopIteration as stop:
                return stop.value
            finally:
                step = now() - started
                steps.since = 0
                steps.count += 1
                steps.running += step
                if step > steps.longest:
                    steps.longest = step
                    steps.stack, steps.sample = steps.sample, None
                elif steps.sample is not None:
                    steps.sample = None
            try:
                argument = yield yielded
                resume = coroutine.send
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                without_us(error)
                argument = error
                resume = coroutine.throw
    finally:
        if steps.heart is not None:
            steps.rest(now())


if not TYPE_CHECKING and native.core is not None:
    _Steps, _stepped = Steps, stepped
    native.core.connect_steps(_stepped)
    Steps = type("Steps", (native.core.Steps,), {"__slots__": (), "rest": _Steps.rest, "loop": _Steps.loop})
    stepped = native.core.stepped
