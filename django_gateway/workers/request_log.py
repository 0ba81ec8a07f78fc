"""The request log for servers whose own would look different each: a line for each request, in runserver's format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from ..interfaces import wsgi as interface
from . import access_log

_SAFE = "/:@!$&'()*+,;=~%-._"


class LoggedWSGI:
    """The application, as lazy as it was; a line is written when the server closes what it returned."""

    def __init__(self, application: Any) -> None:
        self.__wrapped__ = application
        self._application = application

    def __call__(self, environ: Any, start_response: Any) -> Any:
        entry = Entry(request_line(environ), start_response)
        try:
            answer = self._application(environ, entry.start_response)
        except BaseException:
            entry.write()
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if wrapper is not None and interface._is_server_file(answer, wrapper):
            entry.size = entry.length  # the server sends the file itself
            entry.write()
            return answer
        entry.answer = answer
        return SizedLine(entry) if hasattr(answer, "__len__") else Line(entry)


class Entry:
    """What a line of the log is made of."""

    def __init__(self, request: str, start_response: Any) -> None:
        self._request = request
        self._start_response = start_response
        self._status = 500
        self._written = False
        self.answer: Any = ()
        self.size: int | str = 0
        #: The Content-Length header's value.
        self.length: int | str = "-"

    def start_response(self, status: str, headers: Any, *error: Any) -> Any:
        self._status = int(status[:3])
        self.length = next((value for name, value in headers if name.lower() == "content-length"), "-")
        write = self._start_response(status, headers, *error)

        def counted(data: bytes) -> Any:
            self.add(data)
            return write(data)

        return counted

    def add(self, data: bytes) -> None:
        if isinstance(self.size, int):
            self.size += len(data)

    def write(self) -> None:
        if not self._written:
            self._written = True
            access_log.write(self._request, self._status, self.size, status=self._status)


class Line:
    """The iterable that the server gets in the place of the application's."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def __iter__(self) -> Iterator[bytes]:
        for data in self._entry.answer:
            self._entry.add(data)
            yield data

    def close(self) -> None:
        try:
            if hasattr(self._entry.answer, "close"):
                self._entry.answer.close()
        finally:
            self._entry.write()


class SizedLine(Line):
    def __len__(self) -> int:
        return len(self._entry.answer)


def request_line(environ: Any) -> str:
    find = environ.get
    target = find("RAW_URI") or find("REQUEST_URI")
    if not target:
        # PEP 3333: bytes as characters of latin-1.
        target = quote((find("SCRIPT_NAME", "") + find("PATH_INFO", "")).encode("latin-1", "replace"), _SAFE)
        if query := find("QUERY_STRING"):
            target = f"{target}?{query}"
    return f"{find('REQUEST_METHOD')} {target} {find('SERVER_PROTOCOL')}"


class LoggedASGI:
    """The application, called as it was; a line is written when the call ends, for a WebSocket also when it opens."""

    def __init__(self, application: Any) -> None:
        self.__wrapped__ = application
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        status, size = 500, 0

        async def counted(message: Any) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        counted.__wrapped__ = send  # type: ignore[attr-defined]
        try:
            await self._application(scope, receive, counted)
        finally:
            line = f"{scope['method']} {target_of(scope)} HTTP/{scope['http_version']}"
            access_log.write(line, status, size, status=status)

    async def _websocket(self, scope: Any, receive: Any, send: Any) -> None:
        line, opened, code = f"WEBSOCKET {target_of(scope)}", False, 1006

        async def received() -> Any:
            nonlocal code
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code") or 1005
            return message

        async def sent(message: Any) -> None:
            nonlocal opened, code
            if message["type"] == "websocket.accept":
                opened = True
                access_log.write(line, 101, "open", status=101)
            elif message["type"] == "websocket.close":
                code = message.get("code") or 1000
            await send(message)

        sent.__wrapped__ = send  # type: ignore[attr-defined]
        try:
            await self._application(scope, received, sent)
        except BaseException:
            code = 1011
            raise
        finally:
            if opened:
                access_log.write(line, code, "closed", status=500 if code == 1011 else None)
            else:
                access_log.write(line, 403, "rejected", status=403)


def target_of(scope: Any) -> str:
    path = scope.get("raw_path")
    target = path.decode("latin-1") if path else quote(scope.get("path", ""), _SAFE)
    query = scope.get("query_string")
    return f"{target}?{query.decode('latin-1')}" if query else target


def logged(application: Any, spoken: str) -> Any:
    return LoggedWSGI(application) if spoken == "wsgi" else LoggedASGI(application)
