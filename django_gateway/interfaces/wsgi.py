"""WSGI (PEP 3333): the wrapper around ``application(environ, start_response)``.

Transparent by construction: the same bytes in the same chunks at the same time, the same exceptions, ``close()`` called
as often and from the same side, ``write()`` and ``exc_info`` passed on, and what the server's own ``wsgi.file_wrapper``
made is returned untouched, because a server recognises it by its type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..clocks import now, thread_clock
from ..exchange import HTTP, Handover
from ..recording import Recorder, Recording, current, faults, is_recording, running_server
from ..vocabulary import CODES

Environ = Mapping[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Any, Any], Iterable[bytes]]

_START_RESPONSE = CODES["wsgi.start_response"]
_WRITE = CODES["wsgi.write"]
_RETURNED = CODES["wsgi.returned"]
_BODY = CODES["wsgi.body"]
_CLOSE = CODES["wsgi.close"]

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
    except Exception as fault:
        faults.note(fault)
        return application(environ, start_response)
    answer = Answer(recording, start_response, environ.get("wsgi.file_wrapper"))
    token = current.set(recording)
    try:
        iterable = application(environ, answer.start_response)
    except BaseException as error:
        answer.failed(error)
        raise
    finally:
        current.reset(token)
    return answer.returned(iterable)


def begin(recorder: Recorder, environ: Environ, vantage: str) -> Recording:
    """A recording with the handover in it, taken before the application can change the environ."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    # PEP 3333 hands bytes over as latin-1 characters; people read UTF-8.
    if not path.isascii():
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    recording = Recording(recorder, "wsgi", HTTP, vantage, path)
    redactor = recorder.redactor
    recording.handover = Handover("environ", redactor.environ(environ))
    recording.method = environ.get("REQUEST_METHOD")
    query = environ.get("QUERY_STRING")
    if query:
        recording.query = redactor.query(query)
    address = environ.get("REMOTE_ADDR")
    if address:
        port = environ.get("REMOTE_PORT")
        recording.client = f"{address}:{port}" if port else address
    length = environ.get("CONTENT_LENGTH")
    if length and length.isdecimal():
        recording.bytes_in = int(length)
    software = environ.get("SERVER_SOFTWARE")
    if software:
        name, _, version = software.partition("/")
        recording.server = (name, version or None)
    else:
        recording.server = running_server()
    return recording


class Answer:
    """What the application answers to one call: start_response, write() and the iterable."""

    __slots__ = ("_clock", "_file_wrapper", "_recording", "_start_response", "_write")

    def __init__(self, recording: Recording, start_response: StartResponse, file_wrapper: Any) -> None:
        self._recording = recording
        self._start_response = start_response
        self._file_wrapper = file_wrapper
        self._write: Callable[[bytes], Any] | None = None
        self._clock = thread_clock.read()

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], Any]:
        recording = self._recording
        try:
            # Servers may add to the very list they are given, so it is read before they have it.
            recording.trail.append((_START_RESPONSE, now(), status, exc_info is not None))
            recording.headers = recording.recorder.redactor.headers(headers)
            recording.status = int(status[:3])
        except Exception as fault:
            faults.note(fault)
        if exc_info is None:
            self._write = self._start_response(status, headers)
        else:
            try:
                self._write = self._start_response(status, headers, exc_info)
            finally:
                exc_info = None  # PEP 3333: break the circle through the traceback
        return self.write

    def write(self, data: bytes) -> Any:
        recording = self._recording
        try:
            recording.note((_WRITE, now(), len(data)))
            recording.chunks += 1
            recording.bytes_out += len(data)
        except Exception as fault:
            faults.note(fault)
        assert self._write is not None  # the application has it from start_response
        return self._write(data)

    def failed(self, error: BaseException) -> None:
        """The application raised instead of answering."""
        try:
            self._recording.scheduler = thread_clock.since(self._clock)
            self._recording.fail(error)
            self._recording.finish()
        except Exception as fault:
            faults.note(fault)

    def returned(self, iterable: Iterable[bytes]) -> Iterable[bytes]:
        recording = self._recording
        try:
            kind = type(iterable)
            recording.returned = at = now()
            recording.trail.append((_RETURNED, at, f"{kind.__module__}.{kind.__qualname__}"))
            if self._is_server_file(iterable):
                recording.unseen.append(
                    "The body: the server sends the file itself (wsgi.file_wrapper), so its bytes and its end "
                    "are not seen here."
                )
                recording.scheduler = thread_clock.since(self._clock)
                recording.finish()
                return iterable
            # A length tells servers that the only block is the whole body: keep it exactly where it is.
            body = SizedBody if hasattr(iterable, "__len__") else Body
            return body(iterable, recording, self._clock)
        except Exception as fault:
            faults.note(fault)
            return iterable

    def _is_server_file(self, iterable: Iterable[bytes]) -> bool:
        wrapper = self._file_wrapper
        if wrapper is None:
            return False
        if isinstance(wrapper, type):
            return isinstance(iterable, wrapper)
        # uWSGI's is a builtin function that returns an object of a type of its own.
        return type(iterable).__module__ in ("uwsgi", "builtins") and not isinstance(iterable, (list, tuple, bytes))


class Body:
    """The iterable, recorded chunk by chunk; as lazy as it is itself."""

    __slots__ = ("_clock", "_iterable", "_next", "_recording")

    def __init__(self, iterable: Iterable[bytes], recording: Recording, clock: Any) -> None:
        self._iterable = iterable
        self._recording = recording
        self._clock = clock
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        self._next = iter(self._iterable).__next__
        return self

    def __next__(self) -> bytes:
        recording = self._recording
        token = current.set(recording)
        try:
            if self._next is None:  # a server that calls next() without iter(), as PEP 3333 lets it for iterators
                self._next = iter(self._iterable).__next__
            chunk = self._next()
        except StopIteration:
            raise
        except BaseException as error:
            _guarded_fail(recording, error)
            raise
        finally:
            current.reset(token)
        try:
            size = len(chunk)
            recording.chunks += 1
            recording.bytes_out += size
            recording.note((_BODY, now(), size))
        except Exception as fault:
            faults.note(fault)
        return chunk

    def close(self) -> None:
        recording = self._recording
        recording.trail.append((_CLOSE, now()))
        token = current.set(recording)
        try:
            close = getattr(self._iterable, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            _guarded_fail(recording, error)
            raise
        finally:
            current.reset(token)
            self._finish()

    def __del__(self) -> None:
        # PEP 3333 obliges servers to call close(); one that does not must not lose the exchange.
        if not self._recording.done:
            self._finish()

    def _finish(self) -> None:
        try:
            if not self._recording.done:
                self._recording.scheduler = thread_clock.since(self._clock)
                self._recording.finish()
        except Exception as fault:
            faults.note(fault)


class SizedBody(Body):
    __slots__ = ()

    def __len__(self) -> int:
        return len(self._iterable)  # type: ignore[arg-type]


def _guarded_fail(recording: Recording, error: BaseException) -> None:
    try:
        if not isinstance(error, GeneratorExit):
            recording.fail(error)
    except Exception as fault:
        faults.note(fault)
