"""Recorder (made once per process) → Recording (one per request) → Exchange.

A recording is written by whoever sees something: the interface's wrapper, the instrumentation inside Django, the
middleware. They find it through ``current`` and append event tuples to ``trail`` (exchange.EVENT_FIELDS says what is in
them). Nothing here may ever raise into the application: what goes wrong is counted by ``Faults`` and shown.
"""

from __future__ import annotations

import itertools
import os
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import cache
from types import TracebackType
from typing import Any, Final

from .clocks import Steps, now
from .exchange import (
    FINISHED,
    Close,
    Exchange,
    Failure,
    Frame,
    Handover,
    Loop,
    Match,
    Scheduler,
    Server,
    Sizes,
    Split,
)
from .redaction import Redactor, shortened
from .vocabulary import WORDS

current: ContextVar[Recording | None] = ContextVar("django_gateway_recording", default=None)

#: Frames of a traceback that are kept, the innermost ones.
_FRAMES: Final = 50

_counter = itertools.count(int.from_bytes(os.urandom(2), "big"))
_host = socket.gethostname()


class Faults:
    """Errors of our own: swallowed, counted, shown. With ``strict`` (our tests) they are raised instead."""

    def __init__(self) -> None:
        self.count = 0
        self.last: str | None = None
        self.strict = False

    def note(self, error: BaseException) -> None:
        self.count += 1
        self.last = f"{type(error).__name__}: {error}"
        if self.strict:
            raise error


faults = Faults()


class Recorder:
    """Where recordings come from and where their exchanges go. ``submit`` takes a finished exchange, from any thread."""

    def __init__(
        self,
        submit: Callable[[Exchange], None],
        *,
        hide: Iterable[str] = (),
        max_events: int = 20_000,
        body_bytes: int = 0,
    ) -> None:
        self.redactor = Redactor(hide, WORDS.add)
        self.submit = submit
        self.max_events = max_events
        self.body_bytes = body_bytes


def is_recording(kind: str | None = None) -> bool:
    """Whether the current context belongs to an exchange that is not finished (of this type, where one is named)."""
    recording = current.get()
    return recording is not None and not recording.done and (kind is None or recording.type == kind)


class Recording:
    """An exchange in the making. Attributes are set by those who know them; ``finish`` makes the exchange."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "chunks",
        "client",
        "close",
        "crossings",
        "discard",
        "done",
        "dropped",
        "failure",
        "failure_seen",
        "handover",
        "headers",
        "id",
        "interface",
        "match",
        "method",
        "middleware_time",
        "path",
        "query",
        "received",
        "recorder",
        "returned",
        "scheduler",
        "sent",
        "server",
        "started",
        "started_at",
        "status",
        "steps",
        "task",
        "threads",
        "trail",
        "type",
        "unseen",
        "vantage",
        "view_time",
    )

    def __init__(self, recorder: Recorder, interface: str, kind: str, vantage: str, path: str) -> None:
        self.recorder = recorder
        self.interface = interface
        self.type = kind
        self.vantage = vantage
        self.path = path
        self.started_at = wall = time.time_ns()
        self.started = now()
        # Microseconds and a counter: ids sort by start, and two processes meet only in the same microsecond.
        self.id = (wall // 1000) << 12 | (next(_counter) & 0xFFF)
        self.trail: Any = []
        self.method: str | None = None
        self.query = ""
        self.status: int | None = None
        self.client: str | None = None
        self.server: tuple[str | None, str | None] = (None, None)
        self.handover: Handover | None = None
        self.match: Match | None = None
        self.headers: list[Any] | None = None
        self.failure: Failure | None = None
        self.failure_seen: BaseException | None = None
        self.scheduler: Scheduler | None = None
        self.steps: Steps | None = None
        self.task: Any = None
        self.close: Close | None = None
        self.bytes_in = self.bytes_out = self.chunks = self.received = self.sent = 0
        self.crossings = self.dropped = self.view_time = self.middleware_time = 0
        #: When the application gave its answer to the interface; what comes later is the body.
        self.returned: int | None = None
        self.unseen: list[str] = []
        #: Names of the threads that crossings led to, by their identifiers.
        self.threads: dict[int, str] = {}
        self.done = False
        self.discard = False

    def note(self, event: tuple[Any, ...]) -> None:
        """Append an event where there can be many; those that come a fixed number of times go to ``trail`` directly."""
        if len(self.trail) < self.recorder.max_events:
            self.trail.append(event)
        else:
            self.dropped += 1

    def fail(self, error: BaseException, *, handled: bool = False) -> None:
        """Keep ``error`` as the exchange's failure. The same exception on its way out is kept once."""
        if error is self.failure_seen:
            if not handled and self.failure is not None:
                self.failure = describe(error, self.failure.where, handled=False)
            return
        if self.failure is not None and handled:
            return
        self.failure_seen = error
        self.failure = describe(error, self.last_event(), handled=handled)

    def last_event(self) -> str | None:
        if not self.trail:
            return None
        code = self.trail[-1][0]
        return code if isinstance(code, str) else str(WORDS.word(code)[0])

    def finish(self) -> None:
        """Make the exchange and hand it over; once, whatever calls."""
        if self.done:
            return
        self.done = True
        ended = now()
        trail, self.trail = self.trail, deque(maxlen=0)
        self.failure_seen = self.task = None
        if self.discard:
            return
        duration = ended - self.started
        body = 0 if self.returned is None else max(0, ended - self.returned)
        name, version = self.server
        self.recorder.submit(
            Exchange(
                self.id,
                self.interface,
                self.type,
                FINISHED,
                self.started_at,
                self.started,
                ended,
                self.method,
                self.path,
                self.query,
                self.status,
                self.client,
                Server(name, version, os.getpid(), threading.current_thread().name, _host),
                self.handover,
                self.match,
                self.headers,
                trail,
                self.failure,
                self.scheduler,
                self._loop(duration),
                self.close,
                Sizes(
                    self.bytes_in,
                    self.bytes_out,
                    self.chunks,
                    self.received,
                    self.sent,
                    self.crossings,
                    self.dropped,
                ),
                Split(
                    max(0, duration - body - max(self.middleware_time, self.view_time)),
                    max(0, self.middleware_time - self.view_time),
                    self.view_time,
                    body,
                ),
                self.vantage,
                self.unseen,
                self.threads,
            )
        )

    def _loop(self, duration: int) -> Loop | None:
        return None if self.steps is None else self.steps.loop(duration)


def describe(error: BaseException, where: str | None, *, handled: bool) -> Failure:
    """``error`` with its traceback, without the recorder's own frames and without any local variable."""
    return Failure(
        f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins."),
        shortened(_message(error)),
        _frames(error.__traceback__),
        where,
        handled,
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:
        return f"<its __str__ raised {type(broken).__name__}>"


_ours = os.path.dirname(__file__) + os.sep


def _frames(trace: TracebackType | None) -> list[Frame]:
    summary = traceback.StackSummary.extract(
        ((frame, line) for frame, line in traceback.walk_tb(trace) if line is not None), lookup_lines=False
    )
    frames = [frame for frame in summary if not frame.filename.startswith(_ours)][-_FRAMES:]
    return [Frame(frame.filename, frame.lineno or 0, frame.name, shortened(frame.line or "")) for frame in frames]


@cache
def running_server() -> tuple[str | None, str | None]:
    """Name and version of the server program this process runs, from what was started; (None, None) if unknown.

    ASGI's scope does not name the server, so the program is asked: ``GATEWAY_SERVER`` ("name/version") is set by
    gatewayserve for its children, else the main module's package is looked at.
    """
    declared = os.environ.get("GATEWAY_SERVER")
    if declared:
        name, _, version = declared.partition("/")
        return name, version or None
    main = sys.modules.get("__main__")
    package = (getattr(main, "__package__", None) or os.path.basename(sys.argv[0] if sys.argv else "")).split(".")[0]
    if package not in _KNOWN_SERVERS:
        return None, None
    from importlib.metadata import PackageNotFoundError, version as version_of

    try:
        return package, version_of(package)
    except PackageNotFoundError:
        return package, None


_KNOWN_SERVERS: Final = frozenset({"daphne", "uvicorn", "hypercorn", "granian", "gunicorn", "waitress", "cheroot"})
