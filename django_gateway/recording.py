"""Recorder (made once per process) → Recording (one per request) → Exchange.

A recording is written by whoever sees something: the interface's wrapper, the instrumentation inside Django, the
middleware. They find it through ``current`` and append event tuples to ``trail`` (events.EVENT_FIELDS says what is in
them). Nothing here may ever raise into the application: what goes wrong is counted by ``Faults`` and shown.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from time import time_ns
from typing import Any, Final

from . import facts, stacks
from .blackbox import UNMARKED, BlackBox
from .clocks import Steps, now
from .exchange import (
    FINISHED,
    IN_FLIGHT,
    Close,
    Exchange,
    Failure,
    Frame,
    Handover,
    Match,
    Scheduler,
    Sizes,
    Split,
)
from .failures import describe
from .familiar import Environs
from .faults import faults as faults  # noqa: PLC0414 (for those who record)
from .redaction import Redactor
from .room import Room
from .running import as_server
from .stalls import Stalls
from .vocabulary import WORDS, spread

current: ContextVar[Recording | None] = ContextVar("django_gateway_recording", default=None)


def _new_counter() -> itertools.count[int]:
    return itertools.count(int.from_bytes(os.urandom(2), "big"))


_counter = _new_counter()
_pid = os.getpid()


def _forked() -> None:
    global _pid, _counter
    _pid = os.getpid()
    # Parent and child would count on from the same number, and in the same microsecond give the same id.
    _counter = _new_counter()


os.register_at_fork(after_in_child=_forked)

_NOWHERE: Final[deque[Any]] = deque(maxlen=0)
#: What a recording that is finished no longer holds.
_LET_GO: Final = frozenset({"_failed_with", "task", "way", "at_end", "coroutine", "connections", "header_values"})


class Recorder:
    """Where recordings come from and where they go. ``submit`` takes a finished recording, in any thread."""

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


class Recording:
    """An exchange in the making. Attributes are set by those who know them; ``finish`` makes the exchange.

    ``trail`` is flat: the number of a word (or a bare event name), the instant, and the fields that the word leaves
    open, again and again. One list of numbers costs the garbage collector nothing.
    """

    # What every one has: the 30 attributes that an instance's dict can share with others' are needed for the rest.
    __slots__ = "recorder interface type vantage path trail started_at started id __dict__ __weakref__".split()  # noqa: SIM905

    method: str | None = None
    query = ""
    request_id: str | None = None
    status: int | None = None
    client: str | None = None
    descriptor: int | None = None
    server: tuple[str | None, str | None] = (None, None)
    handover: Handover | None = None
    match: Match | None = None
    headers: list[Any] | None = None
    failure: Failure | None = None
    scheduler: Scheduler | None = None
    steps: Steps | None = None
    #: The task that the server made for the exchange, and what it awaits on an event loop.
    task: Any = None
    coroutine: Any = None
    close: Close | None = None
    bytes_in = bytes_out = chunks = received = sent = crossings = dropped = 0
    #: Nanoseconds in the view, and in all of the middleware with what lies inside it.
    view_time = middleware_time = 0
    #: When the application gave its answer to the interface; what comes later is the body.
    returned: int | None = None
    done = False
    #: Set for the panel's own requests: nothing of them is kept.
    discard = False
    #: The thread of its server or event loop, and the one that a crossing has led to.
    home: int | None = None
    away: int | None = None
    #: The thread that ended it.
    thread: threading.Thread | None = None
    #: When it ended; when a snapshot of it, still in flight, was last kept, and the length of its trail then.
    ended = shown_at = shown_length = 0
    _failed_with: BaseException | None = None
    #: What can't be seen from the vantage point, one sentence each.
    unseen: list[str] | None = None
    #: Names of the threads that crossings led to, by their identifiers.
    threads: dict[int, str] | None = None
    #: The ASGI application that was reached last, and its scope.
    way: tuple[Any, dict[str, Any]] | None = None
    #: Database connections that it used, with the thread of each, by their identity.
    connections: dict[int, tuple[Any, int]] | None = None
    #: What the response's headers were when they were last looked at: see ``instrument.headers``.
    header_values: tuple[Any, ...] | None = None
    #: Whether the request's body is being read now, and whether it was read from as a stream.
    reading = streamed = False
    #: Its slot in the black box, where the number and the instant of each event go that is reached: items 0 and 1.
    mark: Any = UNMARKED
    #: Called when it ends, while it can still be written to.
    at_end: list[Callable[[Recording], None]] | None = None

    def __init__(self, recorder: Recorder, interface: str, kind: str, vantage: str, path: str) -> None:
        self.recorder = recorder
        self.interface = interface
        self.type = kind
        self.vantage = vantage
        self.path = path
        self.trail: Any = []
        self.started_at = wall = time_ns()
        # Microseconds and a counter: ids sort by start, and two processes meet only in the same microsecond.
        self.id = (wall // 1000) << 12 | (next(_counter) & 0xFFF)
        self.started = now()

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
        # Set only where they were: an instance with more than 30 attributes of its own takes twice the time and memory.
        for name in _LET_GO & self.__dict__.keys():
            setattr(self, name, None)
        self.recorder.in_flight.pop(self.id, None)
        if not self.discard:
            self.recorder.submit(self)

    def _stack(self) -> list[Frame] | None:
        try:
            return stacks.now_of(self.home, self.away, self.coroutine)
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
            as_server(*self.server, _pid, self.thread.name if self.thread is not None else ""),
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
