"""Each change between event loop and thread: asgiref's sync_to_async and async_to_sync.

The callable itself is timed on the other side, in a copy of asgiref's object made for this one call: the object may be
shared by many requests, and asgiref's own machinery (executors, context, cancellation) runs as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial, wraps
from threading import get_ident
from types import MethodType
from typing import Any, Final

from asgiref.sync import AsyncToSync, SyncToAsync

from .. import native
from ..blackbox import CROSSING, SET_OUT
from ..clocks import now
from ..failures import without_us
from ..legible import shortened
from ..recording import Recording, current, faults
from ..vocabulary import CODES, WORDS
from .asgirefs import is_asgirefs
from .executors import SENSITIVE, Pooled, Queue

_KEPT: Final = 4_096
_CROSSING_QUEUED: Final = CODES["crossing.queued"]
_words: dict[Any, int | str] = {}
_known: dict[Any, tuple[int | str, Any]] = {}


def patches() -> Iterable[tuple[Any, str, Any]]:
    to_thread = _to_thread if native.core is None else _to_thread_natively
    yield SyncToAsync, "__call__", to_thread(SyncToAsync.__call__)
    yield AsyncToSync, "__call__", _to_loop(AsyncToSync.__call__)


def _word(event: str, function: Any) -> int | str:
    """The word for a crossing into ``function``. Closures are made anew for each call, their code is not."""
    kind = type(function)
    try:
        # What most crossings lead to: a method or a function that wraps nothing. Codes are slow to compare, so their
        # addresses serve, which stay theirs as long as the table holds the codes.
        inner, owner = (function.__func__, type(function.__self__)) if kind is MethodType else (function, None)
        if not inner.__dict__:
            known = _known.get((event, id(inner.__code__), owner))
            if known is not None:
                return known[0]
            word = _told(event, function)
            if len(_known) > _KEPT:
                _known.clear()
            _known[event, id(inner.__code__), owner] = word, inner.__code__
            return word
    except AttributeError:  # another kind of callable
        pass
    return _told(event, function)


def _told(event: str, function: Any) -> int | str:
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__wrapped__", function)
    owner = getattr(function, "__self__", None)
    code = getattr(function, "__code__", None) or type(function)
    key = (event, code, type(owner))
    word = _words.get(key)
    if word is None:
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
        module = getattr(function, "__module__", None) or type(function).__module__
        if owner is not None and not isinstance(owner, type):
            # An inherited method: the class it was called on tells more than the one that defines it.
            module, name = type(owner).__module__, f"{type(owner).__qualname__}.{name.rpartition('.')[2]}"
        if len(_words) > _KEPT:
            _words.clear()
        word = _words[key] = WORDS.event(event, f"{module}.{name}")
    return word


def _copied(crossing: Any, name: str, value: Any) -> Any:
    """asgiref's object with another attribute, without a call of its ``__init__``."""
    copy = object.__new__(type(crossing))
    attributes = crossing.__dict__.copy()
    attributes[name] = value
    copy.__dict__ = attributes
    return copy


class _Crossing:
    """One crossing on its way: its word, its instants, the thread on the other side, and the queue for that."""

    __slots__ = ("ahead", "entered", "left", "over", "queue", "started", "thread", "word")

    def __init__(self, queue: Queue | None) -> None:
        self.queue = queue
        self.started = self.ahead = 0
        #: Whether the caller has gone on.
        self.over = False
        self.word: int | str | None = None
        self.entered: int | None = None
        self.left: int | None = None
        self.thread: int | None = None


def _set_out(recording: Recording, event: str, function: Any, crossing: _Crossing) -> None:
    crossing.started = started = now()
    try:
        crossing.word = word = _word(event, function)
        mark = recording.mark
        mark[CROSSING], mark[SET_OUT] = WORDS.mark(word), started
    except Exception as fault:
        faults.note(fault)


def _over(recording: Recording, event: str, function: Any, crossing: _Crossing) -> None:
    try:
        returned = now()
        crossing.over = True
        # One around it, or beside it, is no longer told: it would have to be looked for.
        recording.mark[CROSSING] = 0
        recording.crossings += 1
        word = crossing.word or _word(event, function)
        recording.add((word, crossing.started, crossing.thread, crossing.entered, crossing.left, returned))
        if crossing.entered is None and crossing.queue is not None:
            crossing.queue.gives_up()
        if crossing.ahead:
            recording.add((_CROSSING_QUEUED, crossing.started, crossing.thread, crossing.ahead))
    except Exception as fault:
        faults.note(fault)


def _arrived(recording: Recording, crossing: _Crossing) -> None:
    try:
        recording.away = crossing.thread = thread = get_ident()
        names = recording.threads
        if names is None:
            names = recording.threads = {}
        if thread not in names:
            names[thread] = _name()
        if crossing.queue is not None:
            crossing.ahead = crossing.queue.begins(crossing.started)
        crossing.entered = now()
    except Exception as fault:
        faults.note(fault)


def _name() -> str:
    return shortened(threading.current_thread().name)


def _ran_on(recording: Recording, function: Any, crossing: _Crossing) -> None:
    """Its caller was cancelled, and is gone; a thread can't be."""
    try:
        recording.add((_word("crossing.ran_on", function), crossing.left, crossing.thread))
    except Exception as fault:
        faults.note(fault)


def _to_thread(original: Any) -> Any:
    @wraps(original)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None or recording.done:
            return await original(self, *args, **kwargs)
        function = self.func
        try:
            queue = SENSITIVE if self._thread_sensitive else Pooled(self._executor)
        except Exception as fault:
            faults.note(fault)
            queue = None
        crossing = _Crossing(queue)

        def run(*args: Any, **kwargs: Any) -> Any:
            before = recording.away
            _arrived(recording, crossing)
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                without_us(error)
                raise
            finally:
                recording.away = before
                crossing.left = left = now()
                if crossing.over:
                    _ran_on(recording, function, crossing)
                if queue is not None:
                    queue.ends(crossing.entered, left)

        copy = _copied(self, "func", run)
        _set_out(recording, "crossing.to_thread", function, crossing)
        try:
            return await original(copy, *args, **kwargs)
        except BaseException as error:
            without_us(error)
            raise
        finally:
            _over(recording, "crossing.to_thread", function, crossing)

    return call


def _handed(crossing: Any, crossed: Any) -> Any:
    return _copied(crossed, "func", partial(native.core.run, crossing))


def _to_thread_natively(original: Any) -> Any:
    """As above. What most calls go to differs in its function alone, so one object without a state of its own serves.

    What it calls in the thread is handed on with the arguments. Whether that may be is found out at the first call: it
    takes 10 ms, which a process that serves WSGI alone need not spend.
    """

    cross: Any = None

    def found_out(*call: Any) -> Any:
        nonlocal cross
        cross = native.core.cross if is_asgirefs(original) else in_python
        return cross(*call)

    def in_python(original: Any, crossed: Any, args: Any, kwargs: Any) -> Any:
        return as_it_was(crossed, *args, **kwargs)

    as_it_was = _to_thread(original)
    cross = found_out
    shim = object.__new__(SyncToAsync)
    shim.__dict__.update(func=native.core.run, context=None, _thread_sensitive=True, _executor=None)
    native.core.connect_crossings(SyncToAsync, shim, _word, WORDS.mark, _handed, Pooled, _name, _CROSSING_QUEUED)

    @wraps(original)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await cross(original, self, args, kwargs)
        except BaseException as error:
            without_us(error)
            raise

    return call


def _to_loop(original: Any) -> Any:
    @wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None or recording.done:
            return original(self, *args, **kwargs)
        function = self.awaitable
        crossing = _Crossing(None)

        async def over_there(awaitable: Any) -> Any:
            outer = recording.coroutine, recording.home, recording.away
            _arrived(recording, crossing)
            recording.coroutine, recording.home, recording.away = awaitable, crossing.thread, None
            try:
                return await awaitable
            except BaseException as error:
                without_us(error)
                raise
            finally:
                recording.coroutine, recording.home, recording.away = outer
                crossing.left = now()

        # asgiref calls the function here and awaits its result there; so do we.
        copy = _copied(self, "awaitable", lambda *args, **kwargs: over_there(function(*args, **kwargs)))
        _set_out(recording, "crossing.to_loop", function, crossing)
        try:
            return original(copy, *args, **kwargs)
        except BaseException as error:
            without_us(error)
            raise
        finally:
            _over(recording, "crossing.to_loop", function, crossing)

    return call
