"""The one thread of a process that writes its exchanges, in batches, behind a bounded queue.

Submitting never blocks and never touches a disk. What finds the queue full is dropped and counted. What a busy store
does not take goes back into the queue, and is tried again; a broken one costs what was to be written, and the next
batch finds out whether it works again. After a fork the child starts with an empty queue and a thread of its own.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from time import perf_counter_ns as now
from time import thread_time_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

from .. import native
from ..ending import with_multiprocessing
from ..exchange import HTTP, Exchange
from ..vocabulary import WORDS
from .account import SAMPLED_OF, Account
from .base import Store, StoreBusy, StoreError

#: Exchanges that may wait; a second's worth of a busy worker.
_QUEUE: Final = 4_096
#: How long exchanges gather before they are written, in seconds: the panel shows them within 250 ms.
_GATHER: Final = 0.1
_BATCH: Final = 1_024
#: The packing of an exchange is timed whose id, which ends in a counter, has none of these bits.
_SAMPLED: Final = SAMPLED_OF - 1


#: What is in flight for longer is kept as it is, so that it can be seen: seconds.
_PATIENCE: Final = 0.5


class Recorded(Protocol):
    """A recording, as far as the writer knows one."""

    type: str
    id: int
    done: bool
    discard: bool
    started: int
    trail: Any
    shown_at: int
    shown_length: int

    def exchange(self) -> Exchange:
        """The exchange, finished or in flight, packed as a recorder's: see ``Store.pack``."""


class Writer:
    # What C asks for by its place.
    __slots__ = ("__dict__", "__weakref__", "_awake", "_direct", "_queue")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.written = 0
        self.dropped = 0
        #: Why the last batch could not be written; None when it could, and while a store is only busy.
        self.error: str | None = None
        self._said: str | None = None
        #: A recorder's recordings in flight, by id.
        self.in_flight: dict[int, Any] = {}
        #: CPU nanoseconds of the request's thread for packing one exchange: of some of the last.
        self.samples: deque[int] = deque(maxlen=101)
        #: Where this process tells what recording costs it.
        self.account: Account | None = None
        #: From a recording to what the store writes.
        self._direct: Any = getattr(store, "direct", None)
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        self._queue: deque[Any] = deque()
        #: What there is a snapshot of, as far as it has not ended.
        self._shown: list[Recorded] = []
        self._wake = threading.Event()
        #: Whether that is set, for those who ask often; cleared after it, so that nobody who comes between is missed.
        self._awake = False
        self._flushing = threading.Lock()
        self._starting = threading.Lock()  # another one: a request does not wait for a store
        self._thread: threading.Thread | None = None

    def submit(self, recording: Recorded) -> None:
        queue = self._queue
        if len(queue) >= _QUEUE:
            self.dropped += 1
            return
        # Packed at once: a few bytes wait, not the many objects of a recording, which would grow cold in the queue.
        if recording.id & _SAMPLED:
            queue.append(self._pack(recording))
        else:
            began = thread_time_ns()
            queue.append(self._pack(recording))
            self.samples.append(thread_time_ns() - began)
        if not self._awake:
            self.wake()

    def _pack(self, recording: Recorded) -> Any:
        direct = self._direct
        if direct is not None:
            packed = direct(recording)
            if packed is not NotImplemented:
                return packed
        return self.store.pack(recording.exchange(), WORDS)

    def wake(self) -> None:
        """Something has begun or waits to be written."""
        if not self._awake:
            if self._thread is None:
                self._start()
            self._awake = True
            self._wake.set()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                with_multiprocessing(_flush_all)
                self._thread = threading.Thread(target=self._run, name="django-gateway-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()  # nobody sets it: a sleep that a test's patched time.sleep does not reach
        while True:
            owes = self.in_flight or self._shown or (self.account and self.account.owes)
            self._wake.wait(_PATIENCE if owes else None)
            pause.wait(_GATHER)
            self._wake.clear()
            self._awake = False
            try:
                self._show()
            except StoreBusy:
                pass
            except Exception as error:
                self.error = str(error)
            if not self.flush():
                self.wake()
            if self.account is not None:
                self.account.settle(self)

    def _show(self) -> None:
        """Write a snapshot of what is long in flight and has moved since the last one.

        The more there is in flight, the longer each waits: a thousand open WebSockets take no more than ten of them.
        """
        # Nobody else writes meanwhile: what is not done when it is looked at ends up in the queue, and so is written
        # after its snapshot.
        with self._flushing:
            self._take_back()
            snapshots = list(self._snapshots())
            if snapshots:
                try:
                    self.store.write(snapshots, WORDS)
                except StoreError:
                    for recording in list(self.in_flight.values()):
                        recording.shown_length = -1  # as if it had moved: shown again
                    raise

    def _take_back(self) -> None:
        """Forget the snapshots of the panel's own requests, which are known once they are routed."""
        hidden = [recording.id for recording in self._shown if recording.discard]
        if hidden:
            self.store.forget(hidden)
        self._shown = [recording for recording in self._shown if not (recording.done or recording.discard)]

    def _snapshots(self) -> Iterator[Any]:
        recordings: list[Recorded] = list(self.in_flight.values())
        instant = now()
        patience = int(max(_PATIENCE, len(recordings) / 200) * 1e9)
        for recording in recordings:
            length = len(recording.trail)
            last = recording.shown_at or recording.started
            # One that does nothing new may be somewhere else in the code all the same: it is looked at ever less often.
            still = length == recording.shown_length
            if instant - last < (max(patience, (instant - recording.started) // 4) if still else patience):
                continue
            if still and recording.type != HTTP:
                continue
            # A trail grows by what was not shown yet; a long one is copied less often.
            if recording.shown_at and instant - recording.shown_at < length * 100_000:
                continue
            if recording.done or recording.discard:
                continue
            first = not recording.shown_at
            recording.shown_at, recording.shown_length = instant, length
            exchange = recording.exchange()
            if exchange.ended is None:
                if first:
                    self._shown.append(recording)
                yield self.store.pack(exchange, WORDS)

    def flush(self) -> bool:
        """Write what waits now, in the calling thread; whether nothing of it waits any longer.

        False where the store is busy for longer than it has patience: then it still waits, and will be tried again.
        What a broken store costs does not wait, and is counted in ``dropped``.
        """
        with self._flushing:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]
                try:
                    self._write(batch)
                except StoreBusy:
                    self._queue.extendleft(reversed(batch))
                    return False
        return True

    def end(self) -> None:
        """Write what waits, or say that it is lost: the process ends."""
        if not self.flush():
            lost, self._queue = self._queue, deque()
            self._failed(
                list(lost), f"{len(lost)} exchanges are lost: {self.store.location} is held by another process"
            )
        self.store.close()

    def _write(self, batch: list[Any]) -> None:
        """Raises StoreBusy, and then what is left in ``batch`` is neither written nor counted."""
        try:
            self.store.write(batch, WORDS)
        except StoreBusy:
            raise
        except StoreError as error:
            self._said = None if self.error is None else self._said
            self._failed(batch, f"recording is off: {error}")
        except Exception as error:
            # Something in the batch, not the store: one exchange that can't be kept must cost no other.
            if len(batch) > 1:
                while batch:
                    self._write(batch[:1])
                    del batch[:1]
            else:
                self._failed(batch, f"an exchange can't be kept: {type(error).__name__}: {error}")
        else:
            self.written += len(batch)
            self.error = None

    def _failed(self, batch: list[Any], reason: str) -> None:
        self.dropped += len(batch)
        if self.error is None and reason != self._said:
            # Said once, on the server's own error stream: logging belongs to the project and may be anything.
            self._said = reason
            with suppress(OSError):
                os.write(2, f"django-gateway: {reason}\n".encode("utf-8", "replace"))
        self.error = reason


_submit, _wake = Writer.submit, Writer.wake

if not TYPE_CHECKING and native.core is not None:
    native.core.connect_writer(Writer, _submit, _wake, _SAMPLED, _QUEUE)
    Writer.submit, Writer.wake = native.core.submit, native.core.wake

_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


@atexit.register
def _flush_all() -> None:
    for writer in list(_writers):
        writer.end()


def _forked() -> None:
    for writer in list(_writers):
        # What the parent serves is not in flight here; the recorder holds the same dict.
        writer.in_flight.clear()
        writer._reset()


os.register_at_fork(after_in_child=_forked)
