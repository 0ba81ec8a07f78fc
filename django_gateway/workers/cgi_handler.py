"""The response of a CGI script: wsgiref's handler, with an end for each way in which it can end, and a log."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar
from urllib.parse import quote
from wsgiref.handlers import BaseCGIHandler, read_environ

from ..interfaces.cgi_process import Terminated
from . import access_log

if TYPE_CHECKING:
    from ..interfaces.cgi import CGIRecording


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
        self._line = ""
        self._answer: tuple[int, int] | None = None

    def log(self) -> None:
        """The request's line, once its response is over."""
        if self._answer is not None:
            status, size = self._answer
            access_log.write(self._line, status, size, status=status)

    def setup_environ(self) -> None:
        super().setup_environ()
        self._line = request_line(self.environ)

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
        self._answer = int(self.status[:3]), self.bytes_sent
        if self._complete():
            ignore_end()
        self._send(self.stdout.flush)

    def _complete(self) -> bool:
        """Whether nothing more of the response is to come: some web servers end the process right then."""
        if self.environ.get("REQUEST_METHOD") == "HEAD" or self.status[:3] in ("204", "304"):
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
        from . import failures

        text = failures.useful_traceback(self._error).rstrip()
        hint = failures.hint(self._error)
        sys.stderr.write(f"{text}\n\n{hint}\n" if hint else f"{text}\n")
        # Django's log may not be there.
        sys.stderr.write(f'[{access_log.stamp()}] "{access_log.escaped(request_line(environ))}" 500\n')
        body = b"The project can't be loaded. The terminal and the panel of gatewayserve show why.\n"
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response("500 Internal Server Error", [*headers, ("Cache-Control", "no-store")])
        return [body]


def request_line(environ: Any) -> str:
    """As the client sent it; RFC 3875 does not have it, but web servers add it as REQUEST_URI."""
    find = environ.get
    target = find("REQUEST_URI")
    if not target:
        # PEP 3333: bytes as characters of latin-1.
        target = quote((find("SCRIPT_NAME", "") + find("PATH_INFO", "")).encode("latin-1", "replace"))
        if query := find("QUERY_STRING"):
            target = f"{target}?{query}"
    return f"{find('REQUEST_METHOD')} {target} {find('SERVER_PROTOCOL')}"
