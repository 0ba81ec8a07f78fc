"""What is said over one connection of HTTP/2 (RFC 9113): the frames of both directions, put together to messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from .frames import END_STREAM, Frames, Headers
from .messages import NONE, Message
from .talk import Seen

#: With which a client begins (RFC 9113, 3.4).
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: How the end of a body is known: by a flag of its last frame.
FRAMES: Final = "frames"
#: Requests of one connection that are open at the same time.
_MOST: Final = 1_024
_FIRST_LINE: Final = (b":method", b":path", b":status")


def is_available() -> bool:
    """Whether heads can be decoded: HPACK (RFC 7541) is a package, which comes with h2."""
    return find_spec("hpack") is not None


class Talk2:
    """As ``Talk``, for HTTP/2: ``done`` is told of each request once its stream is over, or the connection."""

    def __init__(self, client: str, known_as: str, done: Callable[[Seen], None], *, tls: bool, kept: int) -> None:
        self._client = client
        self._known_as = known_as
        self._tls = tls
        self._done = done
        self._kept = kept
        self._count = 0
        self._open: dict[int, Seen] = {}
        self._requests = Frames(self._asked, self._data_of_request, self._reset, skip=len(PREFACE))
        self._responses = Frames(self._answered, self._data_of_response, self._reset)
        # Each side says how large a table the other may use for the heads that it sends.
        self._requests.told_table = self._responses.allow_table
        self._responses.told_table = self._requests.allow_table

    def from_client(self, data: bytes) -> None:
        self._requests.feed(data)

    def from_server(self, data: bytes) -> None:
        self._responses.feed(data)

    def end(self) -> None:
        for stream in list(self._open):
            self._finish(stream)

    def _asked(self, stream: int, headers: Headers, size: int, flags: int) -> None:
        seen = self._open.get(stream)
        if seen is not None:  # trailers
            seen.request.size += size
        elif len(self._open) < _MOST:
            self._count += 1
            now = time.perf_counter_ns()
            values = dict(headers)
            start = b"%b %b HTTP/2" % (values.get(b":method", b"?"), values.get(b":path", b"*"))
            request = _message(start, headers, size)
            seen = Seen(self._client, self._known_as, self._tls, self._count, request, time.time_ns(), now)
            seen.multiplexed = True
            self._open[stream] = seen
        self._ends_request(stream, flags)

    def _data_of_request(self, stream: int, data: bytes, size: int, flags: int) -> None:
        seen = self._open.get(stream)
        if seen is not None:
            self._add(seen.request, data, size)
            self._ends_request(stream, flags)

    def _ends_request(self, stream: int, flags: int) -> None:
        seen = self._open.get(stream)
        if seen is not None and flags & END_STREAM:
            seen.request.complete = True
            seen.asked_whole = time.perf_counter_ns()

    def _answered(self, stream: int, headers: Headers, size: int, flags: int) -> None:
        seen = self._open.get(stream)
        if seen is None:
            return
        if seen.answered is None:
            seen.answered = time.perf_counter_ns()
        status = dict(headers).get(b":status", b"")
        if not status and seen.response is not None:
            seen.response.size += size  # trailers
        else:
            message = _message(b"HTTP/2 " + status, headers, size)
            if status.startswith(b"1"):
                message.complete = True
                seen.interim.append(message)
            else:
                seen.response = message
        self._ends_response(stream, flags)

    def _data_of_response(self, stream: int, data: bytes, size: int, flags: int) -> None:
        seen = self._open.get(stream)
        if seen is not None and seen.response is not None:
            self._add(seen.response, data, size)
            self._ends_response(stream, flags)

    def _ends_response(self, stream: int, flags: int) -> None:
        seen = self._open.get(stream)
        if seen is not None and seen.response is not None and flags & END_STREAM:
            seen.response.complete = True
            self._finish(stream)

    def _reset(self, stream: int) -> None:
        if stream in self._open:
            self._finish(stream)

    def _add(self, message: Message, data: bytes, size: int) -> None:
        message.framing = FRAMES
        room = self._kept - len(message.excerpt)
        if room > 0:
            message.excerpt += data[:room]
        message.body += len(data)
        message.size += size
        message.chunks += 1 if data else 0

    def _finish(self, stream: int) -> None:
        seen = self._open.pop(stream)
        seen.ended = time.perf_counter_ns()
        self._done(seen)


def _message(start: bytes, headers: Headers, size: int) -> Message:
    """With a first line as HTTP/1 has it, in the place of what HTTP/2 has for it; the rest as it was."""
    rest = [(name, value) for name, value in headers if name not in _FIRST_LINE]
    head = b"\r\n".join([start, *(b"%b: %b" % header for header in rest)]) + b"\r\n\r\n"
    return Message(head, start, rest, NONE, size=size)
