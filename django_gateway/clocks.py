"""Clocks: monotonic time, what the operating system gave a thread, and the steps of a coroutine.

RUNNING is CPU time of the thread, READY its wait in the run queue (second field of /proc/self/task/TID/schedstat; the
first advances only at ticks and switches, so it is not used), SLEEPING is the rest.
"""

from __future__ import annotations

import os
import threading
import types
from collections.abc import Coroutine, Generator
from threading import get_ident
from time import perf_counter_ns as now
from time import thread_time_ns
from typing import Any

from .exchange import Loop, Scheduler

try:
    import resource

    _RUSAGE_THREAD: int | None = resource.RUSAGE_THREAD
except (ImportError, AttributeError):
    _RUSAGE_THREAD = None

__all__ = ["Steps", "ThreadClock", "now", "stepped", "thread_clock"]


#: (thread, instant, CPU ns, run-queue ns or None, voluntary switches or None, involuntary ones or None)
Reading = tuple[int, int, int, "int | None", "int | None", "int | None"]


class ThreadClock(threading.local):
    """Reads the calling thread's times. A kept descriptor belongs to one (process, thread): fork makes it stale."""

    _descriptor: int | None = None
    _pid = 0

    def _open(self) -> int | None:
        self._pid = _pid
        try:
            self._descriptor = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._descriptor = None
        return self._descriptor

    def read(self) -> Reading:
        descriptor = self._descriptor if self._pid == _pid else self._open()
        ready = None
        if descriptor is not None:
            try:
                ready = int(os.pread(descriptor, 64, 0).split()[1])
            except (OSError, IndexError, ValueError):
                ready = None
        if _RUSAGE_THREAD is None:
            return get_ident(), now(), thread_time_ns(), ready, None, None
        usage = resource.getrusage(_RUSAGE_THREAD)
        return get_ident(), now(), thread_time_ns(), ready, usage.ru_nvcsw, usage.ru_nivcsw

    def since(self, start: Reading) -> Scheduler | None:
        """None in another thread than the one that made ``start``: its times say nothing of this one's."""
        thread, at, cpu, ready, voluntary, involuntary = self.read()
        thread_then, then, cpu_then, ready_then, voluntary_then, involuntary_then = start
        if thread != thread_then:
            return None
        running = cpu - cpu_then
        waited = None if ready is None or ready_then is None else max(0, ready - ready_then)
        return Scheduler(
            running,
            waited,
            max(0, at - then - running - (waited or 0)),
            None if voluntary is None or voluntary_then is None else voluntary - voluntary_then,
            None if involuntary is None or involuntary_then is None else involuntary - involuntary_then,
        )

    def __del__(self) -> None:
        # Runs when the thread ends: threading.local drops the thread's own copy of the attributes.
        if self._descriptor is not None and self._pid == _pid:
            try:
                os.close(self._descriptor)
            except OSError:
                pass


_pid = os.getpid()


def _forked() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_forked)


thread_clock = ThreadClock()


class Steps:
    """What the event loop gave one exchange: a step lasts from a resume of its coroutine to the next suspension."""

    __slots__ = ("count", "longest", "running")

    def __init__(self) -> None:
        self.count = self.running = self.longest = 0

    def loop(self, duration: int) -> Loop:
        return Loop(self.running, max(0, duration - self.running), self.count, self.longest)


@types.coroutine
def stepped(coroutine: Coroutine[Any, Any, Any], steps: Steps) -> Generator[Any, Any, Any]:
    """Awaits ``coroutine`` and times each of its steps; values, exceptions and cancellation pass unchanged."""
    resume: Any = coroutine.send
    argument: Any = None
    while True:
        started = now()
        try:
            yielded = resume(argument)
        except StopIteration as stop:
            return stop.value
        finally:
            step = now() - started
            steps.count += 1
            steps.running += step
            if step > steps.longest:
                steps.longest = step
        try:
            argument = yield yielded
            resume = coroutine.send
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:
            argument = error
            resume = coroutine.throw
