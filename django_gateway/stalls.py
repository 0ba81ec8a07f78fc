"""What holds an event loop up: a thread that looks, now and then, whether one step of an exchange lasts too long.

A step that is over can't say which line took it, so its thread's stack is taken while it lasts. The same thread keeps
the loops' heartbeats going. Nothing runs while no exchange is in flight on an event loop.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from time import perf_counter_ns as now
from typing import Any, Final

from . import stacks
from .clocks import Steps
from .exchange import HTTP
from .failures import calls
from .faults import faults
from .heartbeat import Heartbeat

#: A step that lasts longer is looked at: nanoseconds. Django's own first request takes less.
_LONG: Final = 40_000_000
#: Between two looks, in seconds; the second is for a loop on which nothing moves.
_SOON: Final = 0.02
_LATER: Final = 0.2
#: Looks in a row at loops on which nothing moves until they are left alone: two seconds.
_QUIET: Final = 10
#: Exchanges that are named as held up by one step.
_NAMED: Final = 20


class Stalls:
    """Made once per process; ``in_flight`` are its recordings, by id."""

    def __init__(self, in_flight: Mapping[int, Any]) -> None:
        self._in_flight = in_flight
        self._reset()
        _every.add(self)

    def _reset(self) -> None:
        self._thread: threading.Thread | None = None
        self._begun = threading.Event()
        self._starting = threading.Lock()

    def wake(self) -> None:
        """An exchange has begun on an event loop."""
        if not self._begun.is_set():
            if self._thread is None:
                self._start()
            self._begun.set()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="django-gateway-stalls", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = threading.Lock()  # nobody lets go of it: a sleep that a test's patched time.sleep does not reach
        pause.acquire()
        moved = quiet = 0
        hearts: dict[Any, Heartbeat] = {}
        while True:
            self._begun.wait()
            steps = self._going()
            if not steps:
                # Cleared before another look: who begins after that sets it again.
                self._begun.clear()
                steps = self._going()
                if not steps:
                    hearts.clear()
                    continue
                self._begun.set()
            before, moved = moved, sum(recording.steps.count for recording in steps)
            busy = moved != before or any(recording.steps.since for recording in steps)
            quiet = 0 if busy else quiet + 1
            pause.acquire(timeout=_SOON if busy else _LATER)
            try:
                if quiet <= _QUIET:
                    hearts = self._beat(hearts)
                self._look()
            except Exception as fault:
                faults.note(fault)

    def _going(self) -> list[Any]:
        return [recording for recording in list(self._in_flight.values()) if recording.steps is not None]

    def _beat(self, known: dict[Any, Heartbeat]) -> dict[Any, Heartbeat]:
        """One beat for each loop that has something in flight. ``known`` are the hearts that beat until now."""
        hearts: dict[Any, Heartbeat] = {}
        going: dict[Any, Steps] = {}
        for recording in list(self._in_flight.values()):
            steps, get_loop = recording.steps, getattr(recording.task, "get_loop", None)
            if steps is None or get_loop is None:  # another framework's loop has no tasks of asyncio's
                continue
            loop = get_loop()
            heart = hearts.get(loop)
            if heart is None:
                heart = hearts[loop] = known.get(loop) or Heartbeat(loop)
            if steps.heart is None:
                steps.begun = recording.started
                steps.heart = heart
            if steps.since:
                going[loop] = steps
        for loop, heart in hearts.items():
            heart.beat(going.get(loop))
        return hearts

    def _look(self) -> None:
        instant = now()
        for recording in list(self._in_flight.values()):
            steps = recording.steps
            since = steps.since if steps is not None else 0
            if not since or instant - since < _LONG or steps.seen == since:
                continue
            stack = calls(stacks.of_thread(recording.home))
            if steps.since != since:
                continue  # over meanwhile: the stack is of what came after it
            waiting = [
                other
                for other in list(self._in_flight.values())
                if other is not recording
                and other.home == recording.home
                and other.away is None
                and other.type == HTTP
                and other.steps is not None
            ][:_NAMED]
            steps.seen, steps.sample = since, (stack, [other.id for other in waiting])
            for other in waiting:
                if len(other.steps.held_up_by) < _NAMED:
                    other.steps.held_up_by = [*other.steps.held_up_by, recording.id]


_every: weakref.WeakSet[Stalls] = weakref.WeakSet()


def _forked() -> None:
    for stalls in list(_every):
        stalls._reset()


os.register_at_fork(after_in_child=_forked)
