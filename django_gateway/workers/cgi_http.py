"""HTTP/1.1 (RFC 9112) as far as a host for CGI scripts needs it: heads of requests and of responses. No I/O here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE: Final = re.compile(rf"({_TOKEN}) ([\x21-\x7e\x80-\xff]+) HTTP/(\d)\.(\d)")
_FIELD: Final = re.compile(rf"({_TOKEN}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
#: About one connection, not about the response: a script may not set them (RFC 3875 §6.3.5).
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})


class HTTPError(Exception):
    """What can't be served as it came; ``status`` is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(HTTPStatus(status).phrase)
        self.status = status


@dataclass(frozen=True)
class Request:
    method: str
    #: As it was sent.
    target: str
    version: tuple[int, int]
    #: Names in lower case, in the order in which they came.
    headers: list[tuple[str, str]]
    #: None for a body in chunks.
    length: int | None

    @property
    def path(self) -> bytes:
        """Percent-decoded."""
        return unquote_to_bytes(self._parts[0])

    @property
    def query(self) -> str:
        return self._parts[1]

    @property
    def _parts(self) -> tuple[str, str]:
        target = self.target
        if not target.startswith("/"):  # the absolute form, which is for proxies and yet to be accepted by all
            parts = urlsplit(target)
            return parts.path or "/", parts.query
        path, _, query = target.partition("?")
        return path.partition("#")[0], query

    @property
    def stays(self) -> bool:
        """Whether the client means to send more requests over the connection."""
        words = {word.strip().lower() for value in self.all("connection") for word in value.split(",")}
        return "close" not in words and (self.version >= (1, 1) or "keep-alive" in words)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def find(self, name: str) -> str:
        return ", ".join(self.all(name))


def parse_request(head: bytes) -> Request:
    """The head without the empty line that ends it. Raises HTTPError."""
    first, *lines = head.decode("latin-1").split("\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise HTTPError(400)
    version = int(line[3]), int(line[4])
    if version[0] != 1:
        raise HTTPError(505)
    headers = []
    for text in lines:
        field = _FIELD.fullmatch(text)
        if field is None:
            raise HTTPError(400)
        headers.append((field[1].lower(), field[2]))
    request = Request(line[1], line[2], version, headers, _length(headers))
    hosts = len(request.all("host"))
    if hosts > 1 or (version >= (1, 1) and not hosts):
        raise HTTPError(400)
    if not re.match(r"/|https?://", request.target):
        raise HTTPError(400)
    return request


def _length(headers: list[tuple[str, str]]) -> int | None:
    """Of the body; None for chunks. What could be read in two ways is refused (RFC 9112 §6.3)."""
    lengths = {value for name, value in headers if name == "content-length"}
    encodings = [value.lower() for name, value in headers if name == "transfer-encoding"]
    if encodings:
        if lengths:
            raise HTTPError(400)
        if encodings != ["chunked"]:
            raise HTTPError(501)
        return None
    if not lengths:
        return 0
    text = lengths.pop()
    if lengths or not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise HTTPError(400)
    return int(text)


@dataclass(frozen=True)
class Response:
    """What a script has said before its body (RFC 3875 §6.2)."""

    status: str
    headers: list[tuple[str, str]]
    #: Where the host is to look instead: a path of its own (RFC 3875 §6.2.2).
    redirect: str | None = None

    @property
    def length(self) -> int | None:
        found = next((value for name, value in self.headers if name.lower() == "content-length"), None)
        return int(found) if found is not None and found.isdecimal() else None

    def has_body(self, method: str) -> bool:
        return method != "HEAD" and self.status[:3] not in ("204", "304") and not self.status.startswith("1")

    def head(self, software: str, *, chunked: bool, close: bool) -> bytes:
        headers = list(self.headers)
        given = {name.lower() for name, _ in headers}
        if "date" not in given:
            headers.append(("Date", formatdate(usegmt=True)))
        if "server" not in given:
            headers.append(("Server", software))
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        if close:
            headers.append(("Connection", "close"))
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def parse_response(head: bytes) -> Response:
    """The script's head, without the empty line. Raises HTTPError (502) where it is none."""
    status, location, headers = "", None, []
    for text in re.split(r"\r?\n", head.decode("latin-1")):
        field = _FIELD.fullmatch(text)
        if field is None:
            raise HTTPError(502)
        name, value = field[1], field[2]
        if name.lower() == "status":
            status = value
        elif name.lower() not in _HOP_BY_HOP:
            headers.append((name, value))
            location = value if name.lower() == "location" else location
    if status and not re.fullmatch(r"[1-9]\d\d( .*)?", status):
        raise HTTPError(502)
    if not status and location is not None and location.startswith("/"):
        return Response("200 OK", headers, redirect=location)
    if not status:
        # A head without a word of what the response is, is no head (§6.2).
        if location is None and not any(name.lower() == "content-type" for name, _ in headers):
            raise HTTPError(502)
        status = "200 OK" if location is None else "302 Found"
    return Response(status if " " in status else f"{status} {_phrase(status)}", headers)


def _phrase(status: str) -> str:
    try:
        return HTTPStatus(int(status)).phrase
    except ValueError:
        return ""


def page(status: int) -> tuple[Response, bytes]:
    """What the host itself has to say."""
    text = f"{status} {HTTPStatus(status).phrase}"
    body = f"{text}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    return Response(text, headers), body
