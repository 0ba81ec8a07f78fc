"""WSGI (PEP 3333): the wrapper around ``application(environ, start_response)``.

Transparent by construction: the same bytes in the same chunks at the same time, the same exceptions, ``close()`` called
as often and from the same side, ``write()`` and ``exc_info`` passed on, and what the server's own ``wsgi.file_wrapper``
made is returned untouched, because a server recognises it by its type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from .. import native
from ..blackbox import STATUS, pieces
from ..clocks import Reading, now, thread_clock
from ..legible import decoded, shortened
from ..recording import Recorder, Recording, current, faults, is_recording
from ..vocabulary import CODES, WORDS
from .wsgi_handover import Environ, begin

__all__ = ["RecordedWSGI", "begin", "record"]

StartResponse = Callable[..., Any]
Application = Callable[[Any, Any], Iterable[bytes]]

_START_RESPONSE = CODES["wsgi.start_response"]
_WRITE = CODES["wsgi.write"]
_BODY = CODES["wsgi.body"]
_NEXT = CODES["wsgi.next"]
_ABANDONED = CODES["wsgi.abandoned"]
_CLOSE = CODES["wsgi.close"]

#: What a server takes longer for than this, in nanoseconds, until it asks for the next chunk: a client that reads
#: slowly shows here.
_PAUSE: Final = 1_000_000

_UNSEEN: Final = (
    "The body: the server sends the file itself (wsgi.file_wrapper), so its bytes and its end are not seen here."
)

#: Iterators of the language: their next() runs no code of the application, so nothing in it can ask for ``current``.
_PLAIN_ITERATORS: Final[frozenset[type]] = frozenset({type(iter([])), type(iter(()))})


class RecordedWSGI:
    """The application, recorded. Inside an exchange that is already recorded it only passes on."""

    def __init__(self, application: Application, recorder: Recorder, vantage: str = "wrapper") -> None:
        self.__wrapped__ = application
        self._application = application
        self._recorder = recorder
        self._vantage = vantage

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return record(self._application, self._recorder, self._vantage, environ, start_response)


def record(
    application: Application, recorder: Recorder, vantage: str, environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    """Call ``application`` once and record it, unless an outer wrapper does so already."""
    if is_recording():
        return application(environ, start_response)
    try:
        recording = begin(recorder, environ, vantage)
        answer = Answer(recording, start_response)
        recording.begun()
    except Exception as fault:
        faults.note(fault)
        return application(environ, start_response)
    token = current.set(recording)
    try:
        iterable = application(environ, answer.start_response)
    except BaseException as error:
        answer.failed(error)
        raise
    finally:
        current.reset(token)
    return answer.returned(iterable, environ.get("wsgi.file_wrapper"))


class Answer:
    """What the application answers to one call: start_response, write(), and the iterable, which the server gets.

    As lazy as the iterable is itself: it is asked for a chunk when the server asks, and closed when the server closes.
    """

    __slots__ = ("_clock", "_iterable", "_open", "_recording", "_start_response", "_write")

    def __init__(self, recording: Recording, start_response: StartResponse) -> None:
        self._recording = recording
        self._start_response = start_response
        #: Whether the body was begun and has not come to its end.
        self._open = False
        try:
            self._clock: Reading | None = thread_clock.start()
        except Exception as fault:
            faults.note(fault)
            self._clock = None

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], Any]:
        recording = self._recording
        before = recording.status, recording.headers
        try:
            # Servers may add to the very list they are given, so it is read before they have it.
            told = _told(status)
            at = now()
            recording.trail += (_START_RESPONSE, at, told, exc_info is not None)
            mark = recording.mark
            mark[0], mark[1] = _START_RESPONSE, at
            recording.headers = recording.recorder.redactor.headers(headers)
            recording.status = status_code = int(told[:3]) if told[:3].isdecimal() else None
            mark[STATUS] = status_code or 0
        except Exception as fault:
            faults.note(fault)
        try:
            if exc_info is None:
                self._write = self._start_response(status, headers)
            else:
                self._write = self._start_response(status, headers, exc_info)
        except BaseException:
            # Called twice, or too late: what the server has is what it was given first.
            recording.status, recording.headers = before
            raise
        finally:
            exc_info = None  # PEP 3333: break the circle through the traceback
        return self.write

    def write(self, data: bytes) -> Any:
        recording = self._recording
        try:
            size = len(data)
            recording.chunks += 1
            recording.bytes_out += size
            recording.note((_WRITE, now(), size))
            pieces(recording, size)
        except Exception as fault:
            faults.note(fault)
        return self._write(data)

    def failed(self, error: BaseException) -> None:
        """The application or its iterable raised."""
        try:
            self._recording.fail(error)
        except Exception as fault:
            faults.note(fault)
        self._finish()

    def returned(self, iterable: Iterable[bytes], file_wrapper: Any) -> Iterable[bytes]:
        """What the server gets in the iterable's place."""
        recording = self._recording
        try:
            self._iterable = iterable
            recording.returned = at = now()
            word, returned = _returned_word(type(iterable))
            recording.trail += (word, at)
            mark = recording.mark
            mark[0], mark[1] = returned, at
            if file_wrapper is not None and _is_server_file(iterable, file_wrapper):
                recording.unseen = [_UNSEEN]
                self._finish()
                return iterable
            if hasattr(iterable, "__len__"):
                # A length tells servers that the only block is the whole body: keep it exactly where it is.
                self.__class__ = SizedAnswer
        except Exception as fault:
            faults.note(fault)
            self._finish()
            return iterable
        return self

    def __iter__(self) -> Iterator[bytes]:
        recording = self._recording
        token = current.set(recording)
        self._open = True
        try:
            # Django collects an async stream here, before the first chunk.
            iterator = iter(self._iterable)
        except BaseException as error:
            self._open = False
            recording.fail(error)
            raise
        finally:
            current.reset(token)
        if type(iterator) in _PLAIN_ITERATORS:
            for chunk in iterator:
                self._sent(chunk)
                yield chunk
            self._open = False
            return
        following = iterator.__next__
        taken = 0
        while True:
            token = current.set(recording)
            asked = now()
            paused = taken != 0 and asked - taken > _PAUSE
            try:
                chunk = following()
            except StopIteration:
                self._open = False
                if paused:
                    self._asked(asked)
                return
            except BaseException as error:
                # The server closes what it iterated, so the exchange is finished there.
                self._open = False
                recording.fail(error)
                raise
            finally:
                current.reset(token)
            if paused:
                self._asked(asked)
            self._sent(chunk)
            taken = now()
            yield chunk

    def _asked(self, at: int) -> None:
        try:
            self._recording.add((_NEXT, at))
        except Exception as fault:
            faults.note(fault)

    def _sent(self, chunk: bytes) -> None:
        recording = self._recording
        try:
            size = len(chunk)
            recording.chunks += 1
            recording.bytes_out += size
            recording.note((_BODY, now(), size))
            pieces(recording, size)
        except Exception as fault:
            faults.note(fault)

    def close(self) -> None:
        recording = self._recording
        at = now()
        if self._open and recording.method != "HEAD":  # whose body is nobody's
            recording.trail += (_ABANDONED, at)
        recording.trail += (_CLOSE, at)
        mark = recording.mark
        mark[0], mark[1] = _CLOSE, at
        token = current.set(recording)
        try:
            close = getattr(self._iterable, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            recording.fail(error)
            raise
        finally:
            current.reset(token)
            self._finish()

    def __del__(self) -> None:
        # PEP 3333 obliges servers to call close(); one that does not must not lose the exchange.
        if not self._recording.done:
            self._finish()

    def _finish(self) -> None:
        recording = self._recording
        if recording.done:
            return
        try:
            if self._clock is not None:
                recording.scheduler = thread_clock.since(self._clock)
        except Exception as fault:
            faults.note(fault)
        try:
            recording.finish()
        except Exception as fault:
            faults.note(fault)


class SizedAnswer(Answer):
    __slots__ = ()

    def __len__(self) -> int:
        return len(self._iterable)  # type: ignore[arg-type]


def _told(status: Any) -> str:
    return shortened(status if type(status) is str else decoded(status))


@cache
def _returned_word(kind: type) -> tuple[int | str, int]:
    word = WORDS.event("wsgi.returned", f"{kind.__module__}.{kind.__qualname__}")
    return word, WORDS.mark(word)


def _is_server_file(iterable: Iterable[bytes], wrapper: Any) -> bool:
    if isinstance(wrapper, type):
        return isinstance(iterable, wrapper)
    # uWSGI's is a builtin function that returns an object of a type of its own.
    return type(iterable).__module__ in ("uwsgi", "builtins") and not isinstance(iterable, (list, tuple, bytes))


if not TYPE_CHECKING and native.core is not None:
    _PythonAnswer, _PythonSizedAnswer, _PythonRecordedWSGI, _python_record = Answer, SizedAnswer, RecordedWSGI, record
    Answer, SizedAnswer, record = native.core.Answer, native.core.SizedAnswer, native.core.record

    class RecordedWSGI(native.core.RecordedWSGI):
        """The application, recorded. Inside an exchange that is already recorded it only passes on."""

    native.core.connect_answer(globals(), CODES, thread_clock, Recording, _UNSEEN)
