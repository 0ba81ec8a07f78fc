"""How many calls were ahead of one that was handed to a thread: the depth of its executor's queue.

Executors don't tell, and which one asgiref takes is its own affair. But the thread that a call reaches can look back:
what is thread-sensitive goes to executors with one thread, first in, first out, so what the thread has ended since the
call was handed over was ahead of it. Of pools the open calls are counted. What does not go through asgiref, or belongs
to no recorded request, is not seen.
"""

from __future__ import annotations

import threading
from asyncio import get_running_loop
from collections import deque
from itertools import takewhile
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

#: Ends of calls that a thread remembers.
_KEPT: Final = 256


class _Thread(threading.local):
    def __init__(self) -> None:
        #: When its last thread-sensitive calls ended, oldest first; those that were made inside another are part of it.
        self.ended: deque[int] = deque(maxlen=_KEPT)
        #: When its last call of a pool ended.
        self.free = 0


_here = _Thread()

#: The calls of each executor that have not ended; where that is the loop's own, by the loop.
_open: WeakKeyDictionary[Any, set[int]] = WeakKeyDictionary()


class Queue(Protocol):
    """The queue that a call was put into. It begins and ends in the thread; instants are in nanoseconds."""

    def begins(self, handed: int) -> int:
        """Calls that had not ended at ``handed``, and for which it had to wait."""

    def ends(self, began: int | None, instant: int) -> None:
        """Never raises."""

    def gives_up(self) -> None:
        """Its caller goes on, and it never began."""


class _Sensitive:
    def begins(self, handed: int) -> int:
        ended = _here.ended
        if not ended or ended[-1] <= handed:
            return 0
        return sum(1 for _ in takewhile(handed.__lt__, reversed(ended)))

    def ends(self, began: int | None, instant: int) -> None:
        ended = _here.ended
        while ended and began is not None and ended[-1] > began:
            ended.pop()
        ended.append(instant)

    def gives_up(self) -> None:
        pass


class Pooled:
    """For a call that is not thread-sensitive, made on the event loop whose executor it takes where it names none."""

    __slots__ = ("_before", "_open")

    def __init__(self, executor: Any) -> None:
        self._open = _open.setdefault(executor or get_running_loop(), set())
        self._before = len(self._open)
        self._open.add(id(self))

    def begins(self, handed: int) -> int:
        # A thread that has ended nothing since was free.
        return self._before if _here.free > handed else 0

    def ends(self, began: int | None, instant: int) -> None:
        _here.free = instant
        self._open.discard(id(self))

    def gives_up(self) -> None:
        self._open.discard(id(self))


#: Of every call that is.
SENSITIVE: Final = _Sensitive()
