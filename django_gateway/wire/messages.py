"""One direction of an HTTP/1.1 connection (RFC 9112), read beside the way of its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

#: A head that is longer is read no further, and neither is what follows it.
LONGEST_HEAD: Final = 65_536
_LONGEST_LINE: Final = 4_096
_CRLF: Final = b"\r\n"

#: How the end of a body is known.
LENGTH: Final = "length"
CHUNKED: Final = "chunked"
CLOSE: Final = "close"
NONE: Final = "none"


@dataclass
class Message:
    """A request or a response as it stood on the wire."""

    #: From the first line to the empty line, that one included.
    head: bytes
    start: bytes
    #: Names and values as they came, without the white space around values.
    headers: list[tuple[bytes, bytes]]
    framing: str = NONE
    #: Bytes of the body, without the framing of chunks.
    body: int = 0
    chunks: int = 0
    #: The beginning of the body.
    excerpt: bytearray = field(default_factory=bytearray)
    #: Bytes of head, body and framing.
    size: int = 0
    complete: bool = False

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known.lower() == name]

    def has_token(self, name: bytes, token: bytes) -> bool:
        """Whether a header that is a list has it."""
        return any(token == part.strip().lower() for value in self.values(name) for part in value.split(b","))


def parse(head: bytes) -> Message:
    """Raises ValueError for what is no head of HTTP/1."""
    start, *lines = head.replace(_CRLF, b"\n").rstrip(b"\n").split(b"\n")
    headers: list[tuple[bytes, bytes]] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t") and headers:  # a folded line, as RFC 9112 forbids it
            known, before = headers.pop()
            headers.append((known, before + b" " + line.strip()))
        elif colon:
            headers.append((name.strip(), value.strip()))
        else:
            raise ValueError("a header without a colon")
    return Message(head, start, headers, size=len(head))


def framing_of(message: Message) -> tuple[str, int]:
    """What the headers say of the body, and its length. Raises ValueError where they say nonsense."""
    if message.has_token(b"transfer-encoding", b"chunked"):
        return CHUNKED, 0
    lengths = set(message.values(b"content-length"))
    if lengths:
        if len(lengths) > 1 or not (text := lengths.pop()).isdigit():
            raise ValueError("a length that is none")
        return LENGTH, int(text)
    return NONE, 0


class Reader:
    """``begins`` is told each head and returns how its body ends and its length; ``ends`` is told each whole message.

    It never raises. What it cannot read makes it ``lost``: it looks at nothing that comes after.
    """

    def __init__(
        self, begins: Callable[[Message], tuple[str, int]], ends: Callable[[Message], None], *, kept: int = 0
    ) -> None:
        self._begins = begins
        self._ends = ends
        self._kept = kept
        self._buffer = bytearray()
        self._left = 0
        self._state: Callable[[], bool] = self._head
        self.message: Message | None = None
        self.lost = False
        #: Whether the rest is no HTTP, after an upgrade; and how much of it has passed.
        self.opaque = False
        self.passed = 0

    def feed(self, data: bytes) -> None:
        if self.lost or self.opaque:
            self.passed += len(data)
            return
        self._buffer += data
        try:
            while self._buffer and self._state():
                pass
        except Exception:  # whatever a peer sends: its bytes have gone their way already
            self._lose()

    def end(self) -> None:
        """No more comes."""
        if self.message is not None and self._state == self._until_close:
            self._finish()

    def _lose(self) -> None:
        self.lost = True
        self._buffer.clear()

    def _head(self) -> bool:
        while self._buffer[:2] == _CRLF:  # RFC 9112, 2.2: empty lines before a request line
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LONGEST_HEAD:
                self._lose()
            return False
        message = parse(bytes(self._buffer[: end + 4]))
        del self._buffer[: end + 4]
        self.message = message
        message.framing, self._left = self._begins(message)
        if self.opaque:
            message.complete = True
            self.passed += len(self._buffer)
            self._buffer.clear()
            return False
        states = {LENGTH: self._length, CHUNKED: self._chunk_size, CLOSE: self._until_close}
        if message.framing == NONE or (message.framing == LENGTH and self._left == 0):
            self._finish()
        else:
            self._state = states[message.framing]
        return True

    def _finish(self) -> None:
        assert self.message is not None
        message, self.message = self.message, None
        message.complete = True
        self._state = self._head
        self._ends(message)

    def _take(self, size: int) -> int:
        """Up to so many bytes of the body; how many they were."""
        assert self.message is not None
        taken = min(size, len(self._buffer))
        room = self._kept - len(self.message.excerpt)
        if room > 0:
            self.message.excerpt += self._buffer[: min(taken, room)]
        self.message.body += taken
        self.message.size += taken
        del self._buffer[:taken]
        return taken

    def _length(self) -> bool:
        self._left -= self._take(self._left)
        if self._left == 0:
            self._finish()
        return True

    def _until_close(self) -> bool:
        self._take(len(self._buffer))
        return True

    def _line(self) -> bytes | None:
        assert self.message is not None
        end = self._buffer.find(_CRLF)
        if end < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise ValueError("a line without an end")
            return None
        line = bytes(self._buffer[:end])
        self.message.size += end + 2
        del self._buffer[: end + 2]
        return line

    def _chunk_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        self._left = int(line.partition(b";")[0].strip(), 16)
        if self._left < 0:
            raise ValueError("a chunk of less than nothing")
        assert self.message is not None
        if self._left:
            self.message.chunks += 1
        self._state = self._chunk if self._left else self._trailer
        return True

    def _chunk(self) -> bool:
        self._left -= self._take(self._left)
        if self._left == 0:
            self._state = self._chunk_end
        return True

    def _chunk_end(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if line:
            raise ValueError("a chunk that is too long")
        self._state = self._chunk_size
        return True

    def _trailer(self) -> bool:
        line = self._line()
        if line == b"":
            self._finish()
        return line is not None
