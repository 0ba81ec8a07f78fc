"""What every recording has: the base of ``recording.Recording``, in C (native/recording.c) where that was built."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from . import native
from .blackbox import UNMARKED
from .clocks import Steps, now
from .exchange import Close, Failure, Handover, Match, Scheduler

if TYPE_CHECKING:
    from .recording import Recorder, Recording

#: What a recording that is finished no longer holds.
_LET_GO: Final = frozenset({"_failed_with", "task", "way", "at_end", "coroutine", "connections", "header_values"})


def _new_counter() -> itertools.count[int]:
    return itertools.count(int.from_bytes(os.urandom(2), "big"))


_counter = _new_counter()


def _forked() -> None:
    # Parent and child would count on from the same number, and in the same microsecond give the same id.
    global _counter
    _counter = _new_counter()
    if native.core is not None:
        native.core.seed(next(_counter))


_forked()
os.register_at_fork(after_in_child=_forked)


class Fields:
    """Attributes are set by those who know them."""

    # What every one has: the 30 attributes that an instance's dict can share with others' are needed for the rest.
    __slots__ = "recorder interface type vantage path trail started_at started id".split()  # noqa: SIM905

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
    #: The frame that called the wrapper in C, by its id, 1 for none: what is further in is the application's. 0 for
    #: outside of it, or where frames of ours say so.
    outside = 0
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

    def let_go(self) -> None:
        """Forget what a finished recording no longer needs."""
        # Set only where they were: an instance with more than 30 attributes of its own takes twice the time and memory.
        for name in _LET_GO & self.__dict__.keys():
            setattr(self, name, None)


def reach(recording: Fields, word: int | str, mark: int) -> int:
    """An event without open fields happens to ``recording``; ``mark`` is its number in the black box. The instant."""
    at = now()
    recording.trail += (word, at)
    slot = recording.mark
    slot[0], slot[1] = mark, at
    return at


if not TYPE_CHECKING and native.core is not None:
    Fields, reach = native.core.Fields, native.core.reach
