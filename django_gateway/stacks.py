"""Where an exchange in flight is at this moment: the calls that its thread is in, or what its coroutine awaits.

Looked at from another thread while the code runs on, so it is a glimpse: each frame is right, the next may have
changed. No local variable is read but those of our own frames.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from types import FrameType
from typing import Any, Final

from asgiref import sync

from . import native
from .exchange import Frame
from .failures import OURS, calls

_DEEPEST: Final = 1_000
_ASGIREF: Final = sync.__file__


class _Glimpse:
    """``sys._current_frames()`` without a garbage collection in it.

    Before Python 3.12 it makes frames while it holds a lock that starting a thread takes too: where a collection in
    there runs code that lets other threads run (a finalizer, one of gc.callbacks), all of them stop for ever
    (python/cpython#106883).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._collects = False

    def frame(self, thread: int) -> FrameType | None:
        with self._lock:
            self._collects = gc.isenabled()
            gc.disable()
            try:
                return sys._current_frames().get(thread)
            finally:
                if self._collects:
                    gc.enable()

    def forked(self) -> None:
        """In a child: the thread that was looking is not there to go on."""
        if self._lock.locked() and self._collects:
            gc.enable()
        self._lock = threading.Lock()


_glimpse = _Glimpse()
os.register_at_fork(after_in_child=_glimpse.forked)


def of_thread(thread: int, *, crossed: bool = False, outside: int = 0) -> list[tuple[FrameType, int]]:
    """The calls of a thread from our wrapper inwards, outermost first; none where the thread is not serving.

    Our wrapper may be C's, which has no frame. Where a crossing has led to it, it is what asgiref called; ``outside``
    is the id of the frame that called the one of WSGI, 1 where there was none.
    """
    found: list[tuple[FrameType, int]] = []
    frame = _glimpse.frame(thread)
    outermost = called = 0
    while frame is not None and len(found) < _DEEPEST:
        if id(frame) == outside:
            outermost = len(found)
            break
        code = frame.f_code
        if code.co_filename != _ASGIREF:
            called = len(found) + 1
        elif crossed and native.core is not None and code.co_name == "thread_handler":
            outermost = called
        found.append((frame, frame.f_lineno))
        if code.co_filename.startswith(OURS):
            outermost = len(found)
        frame = frame.f_back
    if frame is None and outside == 1:
        outermost = len(found)
    # What is further out is the server's, and was there before the request.
    return found[:outermost][::-1]


def of_coroutine(coroutine: Any) -> list[tuple[FrameType, int]]:
    """The coroutines that wait for each other, outermost first."""
    found: list[tuple[FrameType, int]] = []
    while coroutine is not None and len(found) < _DEEPEST:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        frame = frame or getattr(coroutine, "ag_frame", None)
        if frame is None:
            break
        found.append((frame, frame.f_lineno))
        following = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
        following = following or getattr(coroutine, "ag_await", None)
        if following is None and frame.f_code.co_filename.startswith(OURS):
            # ``clocks.stepped`` drives its coroutine itself.
            following = frame.f_locals.get("coroutine")
        coroutine = following
    return found


def now_of(home: int | None, away: int | None, coroutine: Any, outside: int = 0) -> list[Frame]:
    """The stack of an exchange: ``home`` is the thread of its server or its event loop.

    ``away`` is the thread that a crossing led to, ``coroutine`` what it awaits on an event loop; ``outside`` as
    ``of_thread`` has it.
    """
    if coroutine is None or getattr(coroutine, "cr_running", False):
        if away is not None:
            return calls(of_thread(away, crossed=True))
        return [] if home is None else calls(of_thread(home, outside=outside))
    return calls(of_coroutine(coroutine) + ([] if away is None else of_thread(away, crossed=True)))
