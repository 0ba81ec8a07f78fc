"""The response of a CGI script: wsgiref's handler, with an end for each way in which it can end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, BinaryIO, ClassVar
from wsgiref.handlers import BaseCGIHandler, read_environ

from ..interfaces.cgi import CGIRecording, Terminated
from . import access_log, failures
from .request_log import request_line


def listen_for_end(told: Callable[[], None]) -> None:
    """Let SIGTERM call ``told`` and then end what goes on, so that the application closes what it has open."""

    def terminated(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        told()
        raise Terminated

    signal.signal(signal.SIGTERM, terminated)


def ignore_end() -> None:
    """The response is out: web servers send SIGTERM to what is still there."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class Handler(BaseCGIHandler):
    # Of wsgiref, which its stubs leave out.
    headers: Any
    environ: Any
    status: Any
    bytes_sent: int

    wsgi_run_once = True
    #: The environment comes once, as this request's.
    os_environ: ClassVar[dict[str, str]] = {}  # type: ignore[misc]  # a variable of instances in typeshed

    def __init__(self, output: BinaryIO, recording: CGIRecording | None) -> None:
        stdin: Any = sys.stdin.buffer if sys.stdin is not None else BytesIO()
        super().__init__(stdin, output, sys.stderr, read_environ(), multithread=False, multiprocess=True)
        self._recording = recording
        #: Whether the response is not what it should have been.
        self.failed = False

    def handle_error(self) -> None:
        self.failed = True
        if not isinstance(sys.exc_info()[1], Terminated):
            super().handle_error()

    def finish_content(self) -> None:
        super().finish_content()
        ignore_end()

    def _write(self, data: bytes) -> None:
        self._send(self.stdout.write, data)

    def _flush(self) -> None:
        if self._complete():
            ignore_end()
        self._send(self.stdout.flush)

    def _complete(self) -> bool:
        """Whether nothing more of the response is to come: some web servers end the process right then."""
        if self.environ.get("REQUEST_METHOD") == "HEAD" or str(self.status)[:3] in ("204", "304"):
            return True
        return bool(self.headers.get("Content-Length") == str(self.bytes_sent))

    def _send(self, action: Callable[..., Any], *arguments: Any) -> None:
        try:
            action(*arguments)
        except ConnectionError:
            self.failed = True
            if self._recording is not None:
                self._recording.disconnected("standard output was closed")
            raise


class Failed:
    """What answers in the place of an application that can't be loaded."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        text = failures.useful_traceback(self._error).rstrip()
        hint = failures.hint(self._error)
        sys.stderr.write(f"{text}\n\n{hint}\n" if hint else f"{text}\n")
        line = access_log.escaped(request_line(environ))
        sys.stderr.write(f'[{access_log.stamp()}] "{line}" 500\n')
        body = b"The project can't be loaded. The terminal and the panel of gatewayserve show why.\n"
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response("500 Internal Server Error", [*headers, ("Cache-Control", "no-store")])
        return [body]
