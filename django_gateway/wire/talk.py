"""What is said over one connection: requests and their responses, in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from .messages import CLOSE, NONE, Message, Reader, framing_of

#: Requests on one connection whose responses have not begun.
_MOST_PENDING: Final = 256


@dataclass
class Seen:
    """A request as it came from the client, and the response as it went there. Times in nanoseconds."""

    #: The client, and what the server takes for the client.
    client: str
    known_as: str
    tls: bool
    #: Its place among the requests of the connection, from 1.
    number: int
    request: Message
    started_at: int
    #: Of the monotonic clock: the request's first and last byte, the response's first and last.
    asked: int
    asked_whole: int | None = None
    answered: int | None = None
    ended: int | None = None
    interim: list[Message] = field(default_factory=list)
    response: Message | None = None
    #: Whether other requests of its connection may have been open at the same time.
    multiplexed: bool = False
    #: Bytes from and to the client after the connection was upgraded to something else.
    upgraded: tuple[int, int] | None = None

    @property
    def ended_at(self) -> int:
        return self.started_at + ((self.ended or self.asked) - self.asked)


class Talk:
    """``done`` is told of each request once its response has ended, or the connection."""

    def __init__(self, client: str, known_as: str, done: Callable[[Seen], None], *, tls: bool, kept: int) -> None:
        self._client = client
        self._known_as = known_as
        self._tls = tls
        self._done = done
        self._count = 0
        self._pending: deque[Seen] = deque()
        self._asking: Seen | None = None
        self._first: tuple[int, int] | None = None
        self._requests = Reader(self._request_begins, self._request_ends, kept=kept)
        self._responses = Reader(self._response_begins, self._response_ends, kept=kept)

    def from_client(self, data: bytes) -> None:
        if self._first is None:
            self._first = time.time_ns(), time.perf_counter_ns()
        self._requests.feed(data)

    def from_server(self, data: bytes) -> None:
        if self._pending and self._pending[0].answered is None:
            self._pending[0].answered = time.perf_counter_ns()
        self._responses.feed(data)

    def end(self) -> None:
        """The connection is over."""
        now = time.perf_counter_ns()
        self._responses.end()
        for seen in self._pending:
            seen.ended = now
            if self._responses.opaque:
                seen.upgraded = self._requests.passed, self._responses.passed
            self._done(seen)
        self._pending.clear()

    def _request_begins(self, message: Message) -> tuple[str, int]:
        at, asked = self._first or (time.time_ns(), time.perf_counter_ns())
        self._first = None
        self._count += 1
        if len(self._pending) >= _MOST_PENDING:
            raise ValueError("more requests than anybody answers")
        seen = Seen(self._client, self._known_as, self._tls, self._count, message, at, asked)
        self._pending.append(seen)
        self._asking = seen
        return framing_of(message)

    def _request_ends(self, message: Message) -> None:
        if self._asking is not None:
            self._asking.asked_whole = time.perf_counter_ns()
        self._first = None
        self._asking = None

    def _response_begins(self, message: Message) -> tuple[str, int]:
        if not self._pending:
            raise ValueError("a response to nothing")  # such as a 408 to a client that said nothing
        seen = self._pending[0]
        status = int(message.start.split(b" ")[1])
        if status == 101:
            seen.response = message
            self._requests.opaque = self._responses.opaque = True
            return NONE, 0
        if status < 200:
            seen.interim.append(message)
            return NONE, 0
        seen.response = message
        if seen.request.start.startswith(b"HEAD ") or status in (204, 304):
            return NONE, 0
        framing, length = framing_of(message)
        return (framing, length) if framing != NONE else (CLOSE, 0)

    def _response_ends(self, message: Message) -> None:
        seen = self._pending[0]
        if seen.response is not message:
            return  # an interim one
        self._pending.popleft()
        seen.ended = time.perf_counter_ns()
        self._done(seen)


def status_of(seen: Seen) -> int | None:
    return None if seen.response is None else int(seen.response.start.split(b" ")[1])
