"""What is kept of bytes that passed: heads with what is secret hidden, of bodies the beginning where a setting asks."""

from __future__ import annotations

from typing import Any, Final

from ..concealment import HIDDEN
from ..redaction import Redactor
from .messages import Message
from .talk import Seen

#: Characters of a head.
_LONGEST: Final = 16_384


def data(seen: Seen, redactor: Redactor, kept: int) -> dict[str, Any]:
    """A part of kind "wire". Times in nanoseconds since the request's first byte."""
    return {
        "client": seen.client or None,
        "known_as": seen.known_as,
        "tls": seen.tls,
        "number": seen.number,
        "request": _message(seen.request, redactor, kept),
        "interim": [message.start.decode("latin-1") for message in seen.interim[:10]],
        "response": None if seen.response is None else _message(seen.response, redactor, kept),
        "asked": None if seen.asked_whole is None else seen.asked_whole - seen.asked,
        "answered": None if seen.answered is None else seen.answered - seen.asked,
        "ended": None if seen.ended is None else seen.ended - seen.asked,
        "upgraded": list(seen.upgraded) if seen.upgraded is not None else None,
    }


def _message(message: Message, redactor: Redactor, kept: int) -> dict[str, Any]:
    headers = [_header(redactor, name, value) for name, value in message.headers]
    return {
        "head": _head(message, redactor, headers),
        "headers": headers,
        "framing": message.framing,
        "size": message.size,
        "body": message.body,
        "chunks": message.chunks,
        "excerpt": _excerpt(message, redactor, kept),
        "complete": message.complete,
    }


def _header(redactor: Redactor, name: bytes, value: bytes) -> list[str]:
    """Name and value; the value is the redactor's where that hides anything."""
    told, text = name.decode("latin-1"), value.decode("latin-1")
    # HTTP/2's Host, whose name is like a secret's.
    ((_, shown),) = redactor.headers([("Host" if told == ":authority" else told, text)])
    return [told, str(shown)]


def _head(message: Message, redactor: Redactor, headers: list[list[str]]) -> str:
    """Byte for byte but for what is hidden, and for lines that were folded."""
    start = message.start.decode("latin-1")
    if message.start.startswith(b"HTTP/"):
        first = start
    else:
        method, _, rest = start.partition(" ")
        target, space, version = rest.rpartition(" ")
        first = f"{method} {redactor.url(target)}{space}{version}"
    crlf = "\r\n" if b"\r\n" in message.head else "\n"
    raw = {name.decode("latin-1"): line for name, line in _lines(message.head)}
    told = [first]
    for name, value in headers:
        line = raw.get(name, "")
        # White space around a value is shown as it was.
        told.append(line if value and line.partition(":")[2].strip() == value else f"{name}: {value}")
    return (crlf.join(told) + crlf * 2)[:_LONGEST]


def _lines(head: bytes) -> list[tuple[bytes, str]]:
    lines = head.replace(b"\r\n", b"\n").split(b"\n")[1:]
    return [(line.partition(b":")[0].strip(), line.decode("latin-1")) for line in lines if b":" in line]


def _excerpt(message: Message, redactor: Redactor, kept: int) -> str | bytes | None:
    """Text with secret fields hidden; bytes of what is no text; None where nothing is to be kept."""
    if not kept or not message.excerpt:
        return None
    kind = b",".join(message.values(b"content-type")).lower()
    if kind.startswith(b"multipart/"):
        return HIDDEN  # its fields can't be told apart before all of it is here
    body = bytes(message.excerpt)
    try:
        # A character may be cut in two.
        text = body[: len(body) - _cut(body)].decode("utf-8")
    except UnicodeDecodeError:
        return body
    return redactor.excerpt(text, kept)


def _cut(data: bytes) -> int:
    """Bytes at the end that begin a character of UTF-8 and do not end it."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return back if length > back else 0
    return 0
