"""One direction of an HTTP/2 connection, read beside the way of its bytes: frames (RFC 9113, 4), and their heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Headers = list[tuple[bytes, bytes]]

END_STREAM: Final = 0x1
_END_HEADERS: Final = 0x4
_PADDED: Final = 0x8
_PRIORITY: Final = 0x20
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PUSH_PROMISE, _CONTINUATION = 0x0, 0x1, 0x3, 0x4, 0x5, 0x9
_ACK: Final = 0x1
_HEADER_TABLE_SIZE: Final = 0x1
#: Bytes before a frame's payload.
_FRAME: Final = 9
#: A frame, or a head of several frames, that is larger is read no further, and neither is what follows it.
_LARGEST: Final = 1 << 20


class Frames:
    """``headers`` and ``data`` are told what each frame brings, its bytes on the wire, and its flags.

    It never raises. What it cannot read makes it ``lost``: it looks at nothing that comes after.
    """

    def __init__(
        self,
        headers: Callable[[int, Headers, int, int], None],
        data: Callable[[int, bytes, int, int], None],
        reset: Callable[[int], None],
        *,
        skip: int = 0,
    ) -> None:
        from hpack import Decoder

        self._headers = headers
        self._data = data
        self._reset = reset
        #: Bytes before the first frame.
        self._skip = skip
        self._decoder: Any = Decoder()
        self._buffer = bytearray()
        #: A head that goes on in the next frame: its stream, None for one that was promised, its flags and its size.
        self._head: tuple[int | None, int, int] | None = None
        self._block = b""
        #: Told the size of the table that this side allows the other.
        self.told_table: Callable[[int], None] = lambda size: None
        self.lost = False

    def allow_table(self, size: int) -> None:
        # A head that was on its way before may still use the old one.
        self._decoder.max_allowed_table_size = max(self._decoder.max_allowed_table_size, size)

    def feed(self, data: bytes) -> None:
        if self.lost:
            return
        self._buffer += data
        try:
            while self._next():
                pass
        except Exception:  # whatever a peer sends: its bytes have gone their way already
            self.lost = True
            self._buffer.clear()

    def _next(self) -> bool:
        if self._skip:
            skipped = min(self._skip, len(self._buffer))
            del self._buffer[:skipped]
            self._skip -= skipped
        if len(self._buffer) < _FRAME:
            return False
        length = int.from_bytes(self._buffer[:3])
        if length > _LARGEST:
            raise ValueError("a frame that is too large")
        if len(self._buffer) < _FRAME + length:
            return False
        kind, flags = self._buffer[3], self._buffer[4]
        stream = int.from_bytes(self._buffer[5:9]) & 0x7FFF_FFFF
        payload = bytes(self._buffer[_FRAME : _FRAME + length])
        del self._buffer[: _FRAME + length]
        self._frame(kind, flags, stream, payload)
        return True

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        size = _FRAME + len(payload)
        if kind == _DATA:
            self._data(stream, _unpadded(payload, flags), size, flags)
        elif kind == _HEADERS:
            block = _unpadded(payload, flags)
            self._begin(stream, flags, size, block[5:] if flags & _PRIORITY else block)
        elif kind == _PUSH_PROMISE:
            self._begin(None, flags, size, _unpadded(payload, flags)[4:])
        elif kind == _CONTINUATION and self._head is not None:
            known, its_flags, so_far = self._head
            self._go_on(known, its_flags, so_far + size, self._block + payload, ends=bool(flags & _END_HEADERS))
        elif kind == _RST_STREAM:
            self._reset(stream)
        elif kind == _SETTINGS and not flags & _ACK:
            for at in range(0, len(payload) - 5, 6):
                if int.from_bytes(payload[at : at + 2]) == _HEADER_TABLE_SIZE:
                    self.told_table(int.from_bytes(payload[at + 2 : at + 6]))

    def _begin(self, stream: int | None, flags: int, size: int, block: bytes) -> None:
        self._go_on(stream, flags, size, block, ends=bool(flags & _END_HEADERS))

    def _go_on(self, stream: int | None, flags: int, size: int, block: bytes, *, ends: bool) -> None:
        if not ends:
            if len(block) > _LARGEST:
                raise ValueError("a head that is too large")
            self._head, self._block = (stream, flags, size), block
            return
        self._head, self._block = None, b""
        # Decoded in any case: each head may refer to those before it.
        headers = [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        if stream is not None:
            self._headers(stream, headers, size, flags)


def _unpadded(payload: bytes, flags: int) -> bytes:
    return payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload
