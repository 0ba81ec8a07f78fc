"""CGI (RFC 3875): an exchange that has a process of its own.

Inside, the application is called as PEP 3333 says and recorded as there. What is CGI's own is around that: the
environment and standard input that the process was given, when it was started, and what it cost before the application
could be called.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Iterator, Mapping
from time import process_time_ns
from typing import Any, Final

import msgspec

from ..clocks import now, thread_clock
from ..correlation import request_id
from ..exchange import HTTP, Exchange, Handover, Split
from ..legible import shortened
from ..recording import Recorder, Recording, current, faults
from ..stores.writer import Writer
from ..vocabulary import CODES
from . import wsgi
from .cgi_process import Step, Terminated, started

_PROCESS_STARTED: Final = CODES["cgi.process.started"]
_INTERPRETER: Final = CODES["cgi.interpreter.ready"]
_RECORDER: Final = CODES["cgi.recorder.loaded"]
_APPLICATION: Final = CODES["cgi.application.loaded"]
_STDIN_STARTED: Final = CODES["cgi.stdin.started"]
_STDIN_FINISHED: Final = CODES["cgi.stdin.finished"]
_HTTPOXY: Final = CODES["cgi.httpoxy"]
_DISCONNECT: Final = CODES["cgi.disconnect"]
_PROCESS_FINISHED: Final = CODES["cgi.process.finished"]

#: Types of bodies whose secrets can be found by their names, so that some of it may be kept.
_READABLE: Final = ("application/x-www-form-urlencoded", "application/json", "text/")

_CHUNKED: Final = (
    "The body: it came in chunks and so without CONTENT_LENGTH, which is all that CGI says of a body's length. "
    "Django takes it for empty."
)


class CGIRecording(Recording):
    """A recording that began with the process, before there was anything to record it."""

    #: When the application could be called, or could not be loaded.
    loaded = 0
    stdin: Input | None = None

    def disconnected(self, reason: str) -> None:
        self.trail += (_DISCONNECT, now(), reason)

    def fail(self, error: BaseException, *, handled: bool = False) -> None:
        # A client that leaves is no failure of the project's.
        if not isinstance(error, Terminated):
            super().fail(error, handled=handled)

    def finish(self) -> None:
        if not self.done:
            stdin = self.stdin
            if stdin is not None and stdin.last:
                self.bytes_in = stdin.size
                self.trail += (_STDIN_FINISHED, stdin.last, stdin.size, self._excerpt(stdin))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            self.trail += (_PROCESS_FINISHED, now(), process_time_ns(), memory, None)
        super().finish()

    def _excerpt(self, stdin: Input) -> str | None:
        if not stdin.kind.startswith(_READABLE):
            return None
        return self.recorder.redactor.excerpt(stdin.first.decode("utf-8", "replace"), self.recorder.body_bytes)

    def exchange(self) -> Exchange:
        exchange = super().exchange()
        split, process = exchange.split, max(0, self.loaded - self.started)
        rest = max(0, split.interface - process)
        split = Split(rest, split.middleware, split.view, split.body, process)
        return msgspec.structs.replace(exchange, split=split)

    def keep(self, writer: Writer) -> None:
        """Write the finished exchange before the process ends, and then once more with what that took."""
        self.finish()
        if self.discard:
            return
        started = now()
        try:
            writer.submit(self)
            if not writer.flush():
                return  # a busy store: once more when the process ends
            # The last field of the last event.
            self._finished_trail[-1] = now() - started
            writer.submit(self)
            writer.flush()
        except Exception as fault:
            faults.note(fault)


class Input:
    """``wsgi.input``: standard input, read when the application reads, and what is known of it afterwards."""

    def __init__(self, stream: Any, recording: CGIRecording, kind: str) -> None:
        self._stream = stream
        self._recording = recording
        #: CONTENT_TYPE.
        self.kind = kind
        self.size = 0
        #: When it was read last; 0 for never.
        self.last = 0
        self.first = b""

    def read(self, *size: int) -> bytes:
        return self._seen(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._seen(self._stream.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        return [self._seen(line) for line in self._stream.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        return map(self._seen, self._stream)

    def _seen(self, data: bytes) -> bytes:
        self.last = now()
        if not self.size:
            self._recording.note((_STDIN_STARTED, self.last))
        self.size += len(data)
        missing = self._recording.recorder.body_bytes - len(self.first)
        if missing > 0:
            self.first += data[:missing]
        return data


def begin(
    recorder: Recorder,
    environ: Mapping[str, str],
    ready: Step,
    *,
    stdout: int = 1,
    recorder_loaded: Step | None = None,
    application_loaded: Step | None = None,
    httpoxy: bool = False,
) -> CGIRecording:
    """The recording of this process' one exchange.

    ``environ`` is ``os.environ`` as it was before anything was imported, ``ready`` the step at the script's first line.
    ``application_loaded`` is None where the application can't be had.
    """
    find = environ.get
    path = shortened(find("SCRIPT_NAME", "") + find("PATH_INFO", ""))
    recording = CGIRecording(recorder, "cgi", HTTP, "wrapper", path)
    recording.handover = Handover("environ", recorder.environs.entries(environ))
    recording.method = find("REQUEST_METHOD")
    recording.query = recorder.redactor.query(shortened(find("QUERY_STRING", "")))
    recording.request_id = request_id(find("HTTP_X_REQUEST_ID", ""))
    port = find("REMOTE_PORT")
    recording.client = f"{find('REMOTE_ADDR')}:{port}" if port else find("REMOTE_ADDR") or None
    length = find("CONTENT_LENGTH", "")
    recording.bytes_in = int(length) if length.isdecimal() and len(length) < 19 else 0
    if not length and "chunked" in find("HTTP_TRANSFER_ENCODING", "").lower():
        recording.unseen = [_CHUNKED]
    name, _, version = find("SERVER_SOFTWARE", "").partition(" ")[0].partition("/")
    recording.server = (name or None, version or None)
    began = started(environ, ready, stdout)
    _date_back(recording, ready[0] if began is None else began[0])
    recording.loaded = application_loaded[0] if application_loaded else now()
    if began is not None:
        recording.trail += (_PROCESS_STARTED, *began)
    recording.trail += (_INTERPRETER, *ready)
    if recorder_loaded is not None:
        recording.trail += (_RECORDER, *recorder_loaded)
    if application_loaded is not None:
        recording.trail += (_APPLICATION, *application_loaded, len(sys.modules))
    if httpoxy:
        recording.trail += (_HTTPOXY, ready[0])
    recording.begun()
    mark = recording.mark
    mark[0], mark[1] = (_INTERPRETER, ready[0]) if application_loaded is None else (_APPLICATION, application_loaded[0])
    return recording


def _date_back(recording: Recording, started: int) -> None:
    """Let it begin at ``started``, an instant of the past."""
    recording.started_at -= recording.started - started
    recording.started = started
    recording.id = (recording.started_at // 1000) << 12 | (recording.id & 0xFFF)


class RecordedCGI:
    """The application, called once, into a recording that has begun already."""

    def __init__(self, application: wsgi.Application, recording: CGIRecording) -> None:
        self.__wrapped__ = application
        self._recording = recording

    def __call__(self, environ: dict[str, Any], start_response: wsgi.StartResponse) -> Iterable[bytes]:
        recording = self._recording
        answer = wsgi.Answer(recording, start_response)
        # The process has one thread and one request: the whole of its life belongs to the exchange.
        answer._clock = thread_clock.whole(recording.started)
        recording.stdin = environ["wsgi.input"] = Input(
            environ["wsgi.input"], recording, environ.get("CONTENT_TYPE", "")
        )
        token = current.set(recording)
        try:
            iterable = self.__wrapped__(environ, answer.start_response)
        except BaseException as error:
            answer.failed(error)
            raise
        finally:
            current.reset(token)
        # Nothing sends a file here but this process itself, chunk by chunk: no file_wrapper is passed by.
        return answer.returned(iterable, None)
