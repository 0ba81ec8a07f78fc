"""Recorder (made once per process) → Recording (one per request) → Exchange.

A recording is written by whoever sees something: the interface's wrapper, the instrumentation inside Django, the
middleware. They find it through ``current`` and append event tuples to ``trail`` (events.EVENT_FIELDS says what is in
them). Nothing here may ever raise into the application: what goes wrong is counted by ``Faults`` and shown.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from . import facts, native, running, stacks
from .blackbox import UNMARKED, BlackBox
from .clocks import now
from .exchange import (
    FINISHED,
    IN_FLIGHT,
    Close,
    Exchange,
    Failure,
    Frame,
    Handover,
    Loop,
    Match,
    Scheduler,
    Sizes,
    Split,
)
from .failures import describe
from .familiar import Environs
from .faults import faults as faults  # noqa: PLC0414 (for those who record)
from .fields import Fields
from .redaction import Redactor
from .room import Room
from .stalls import Stalls
from .vocabulary import WORDS, encode, spread

current: ContextVar[Recording | None] = ContextVar("django_gateway_recording", default=None)


_pid = os.getpid()


def _forked() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_forked)

_NOWHERE: Final[deque[Any]] = deque(maxlen=0)


class Recorder:
    """Where recordings come from and where they go. ``submit`` takes a finished recording, in any thread."""

    # What C asks for by its place.
    __slots__ = ("__dict__", "__weakref__", "box", "in_flight", "submit", "watch")

    def __init__(
        self,
        submit: Callable[[Recording], None],
        *,
        hide: Iterable[str] = (),
        max_events: int = 20_000,
        body_bytes: int = 0,
        watch: Callable[[], None] | None = None,
        box: BlackBox | None = None,
    ) -> None:
        #: What has begun and has not ended, by id.
        self.in_flight: dict[int, Recording] = {}
        #: Called, in any thread, whenever something begins.
        self.watch = watch
        self.box = box
        if box is not None:
            box.in_flight = self.in_flight
        self.stalls = Stalls(self.in_flight)
        self.redactor = Redactor(hide, WORDS.add)
        self.environs = Environs(self.redactor, WORDS.add)
        self.submit = submit
        self.room = Room(self.in_flight, max_events)
        self.body_bytes = body_bytes


def is_recording(kind: str | None = None) -> bool:
    """Whether the current context belongs to an exchange that is not finished (of this type, where one is named)."""
    recording = current.get()
    return recording is not None and not recording.done and (kind is None or recording.type == kind)


class Recording(Fields):
    """An exchange in the making. Attributes are set by those who know them; ``finish`` makes the exchange.

    ``trail`` is flat: the number of a word (or a bare event name), the instant, and the fields that the word leaves
    open, again and again. One list of numbers costs the garbage collector nothing.
    """

    __slots__ = ("__dict__", "__weakref__")

    def begun(self) -> None:
        """Nothing can go wrong any more before ``finish``: from now on it is seen in flight."""
        recorder = self.recorder
        self.home = threading.get_ident()
        recorder.in_flight[self.id] = self
        if recorder.box is not None:
            recorder.box.enter(self)
        if recorder.watch is not None:
            recorder.watch()

    def hide(self) -> None:
        self.discard = True
        if (box := self.recorder.box) is not None:
            box.leave(self)

    def note(self, event: tuple[Any, ...]) -> None:
        """Add an event where there can be many; others go to ``trail`` directly, and say to ``mark`` where it is."""
        self.add(event)
        mark = self.mark
        code = event[0]
        mark[0], mark[1] = code if type(code) is int else WORDS.mark(code), event[1]

    def add(self, event: tuple[Any, ...]) -> None:
        """``note`` for what is told beside another event, or when it is over: the request is not there."""
        room = self.recorder.room
        if len(self.trail) < room.assured or room.beyond(len(self.trail)):
            self.trail += event
        else:
            self.dropped += 1

    def fail(self, error: BaseException, *, handled: bool = False) -> None:
        """Keep ``error`` as the exchange's failure; never raises. The same exception on its way out is kept once."""
        try:
            self._fail(error, handled)
        except Exception as fault:
            faults.note(fault)

    def _fail(self, error: BaseException, handled: bool) -> None:
        if error is self._failed_with:
            if not handled and self.failure is not None:
                self.failure = describe(error, self.failure.where, handled=False)
            return
        if self.failure is not None and handled:
            return
        self._failed_with = error
        self.failure = describe(error, self.last_event(), handled=handled)

    def last_event(self) -> str | None:
        # A crossing is written when it is over, and began before what happened in it.
        names = (str(event[0]) for event in reversed(spread(self.trail, WORDS)))
        return next((name for name in names if not name.startswith("crossing.")), None)

    def finish(self) -> None:
        """End the exchange and hand it over; once, whatever calls."""
        if self.done:
            return
        if self.at_end is not None:
            self._last_words(self.at_end)
        self.done = True
        self.ended = now()
        if self.recorder.box is not None:
            self.recorder.box.leave(self)
        self.thread = threading.current_thread()
        # Whoever still holds the recording (a task that outlives its request) writes into nowhere.
        self._finished_trail, self.trail = self.trail, _NOWHERE
        self.let_go()
        self.recorder.in_flight.pop(self.id, None)
        if not self.discard:
            self.recorder.submit(self)

    def _stack(self) -> list[Frame] | None:
        try:
            return stacks.now_of(self.home, self.away, self.coroutine, self.outside)
        except Exception as fault:
            faults.note(fault)
            return None

    def _last_words(self, said: list[Callable[[Recording], None]]) -> None:
        for each in said:
            try:
                each(self)
            except Exception as fault:
                faults.note(fault)

    def exchange(self) -> Exchange:
        """The exchange as it is now, finished or in flight, as ``Store.pack`` takes it from a recorder."""
        done, view = self.done, self.view_time
        ended = self.ended if done else now()
        duration = ended - self.started
        body = 0 if self.returned is None else ended - self.returned
        inside = self.middleware_time if self.middleware_time > view else view
        rest = duration - body - inside
        return Exchange(
            self.id,
            self.interface,
            self.type,
            FINISHED if done else IN_FLIGHT,
            self.started_at,
            self.started,
            ended if done else None,
            self.method,
            self.path,
            self.query,
            self.status,
            self.client,
            running.as_server(*self.server, _pid, self.thread.name if self.thread is not None else ""),
            self.handover,
            self.match,
            self.headers,
            self._finished_trail if done else list(self.trail),
            self.failure,
            self.scheduler,
            None if self.steps is None else self.steps.loop(duration),
            self.close,
            Sizes(self.bytes_in, self.bytes_out, self.chunks, self.received, self.sent, self.crossings, self.dropped),
            Split(rest if rest > 0 else 0, inside - view, view, body),
            self.vantage,
            self.unseen or [],
            self.threads or {},
            self.request_id,
            facts=facts.current,
            stack=None if done else self._stack(),
            descriptor=self.descriptor,
        )


_begun, _finish = Recording.begun, Recording.finish

if not TYPE_CHECKING and native.core is not None:
    native.core.connect(current, faults.note, UNMARKED)
    native.core.connect_packing(
        Recorder,
        Recording,
        encode,
        (Handover, Match, Failure, Scheduler, Loop, Close, Frame),
        running._host,
        _NOWHERE,
        vars(facts),
    )
    Recording.begun, Recording.finish = native.core.begun, native.core.finish
    _python_is_recording, is_recording = is_recording, native.core.is_recording
