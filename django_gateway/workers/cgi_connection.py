"""A client's connection to the CGI host, which notices when the client leaves while something else goes on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Final, TypeVar

from .cgi_http import HTTPError, Request, parse_request

_T = TypeVar("_T")

_LONGEST_HEAD: Final = 65_536
_BLOCK: Final = 65_536
#: Seconds between two requests, and for the rest of a head that has begun.
_IDLE: Final = 75.0
#: Seconds for what a client still sends after its last response: closing at once could take that response from it.
_LINGER: Final = 1.0
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\r\n]*)?\r\n")


class Left(Exception):
    """The connection is of no more use: the client has left, or must see that a response is not complete."""


class _Reader(asyncio.StreamReader):
    """Says when the end of what the client sends has come, also if nobody reads."""

    def __init__(self) -> None:
        super().__init__(limit=_LONGEST_HEAD)
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.ended.set()

    def set_exception(self, exc: Any) -> None:
        super().set_exception(exc)
        self.ended.set()


class Connection:
    def __init__(self, connected: Callable[[Connection], None]) -> None:
        self.reader = _Reader()
        self._tell = connected
        self.protocol = asyncio.StreamReaderProtocol(self.reader, self._connected)
        self._idle = False
        #: Set where the response in hand is to be the last.
        self.last = False

    def _connected(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.client: tuple[str, int] = writer.get_extra_info("peername")[:2]
        self.local: tuple[str, int] = writer.get_extra_info("sockname")[:2]
        self._tell(self)

    async def request(self) -> Request | None:
        """The next one; None where there is none. Raises HTTPError or Left."""
        self._idle = True
        try:
            async with asyncio.timeout(_IDLE):
                head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise HTTPError(431) from error
        except asyncio.IncompleteReadError as error:
            if error.partial.strip():
                raise HTTPError(400) from error
            return None
        except (TimeoutError, ConnectionError):
            return None
        finally:
            self._idle = False
        request = parse_request(head[:-4].lstrip(b"\r\n"))
        if request.length != 0 and request.version >= (1, 1) and request.find("expect").lower() == "100-continue":
            await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return request

    async def collect(self, file: IO[bytes]) -> int:
        """Write a body in chunks to ``file``; returns its length. Raises HTTPError or Left."""
        length = 0
        try:
            while size := await self._chunk_size():
                length += size
                while size:
                    data = await self.reader.read(min(size, _BLOCK))
                    if not data:
                        raise Left
                    file.write(data)
                    size -= len(data)
                if await self.reader.readexactly(2) != b"\r\n":
                    raise HTTPError(400)
            while await self.reader.readuntil(b"\r\n") != b"\r\n":
                pass  # trailers
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Left from error
        except asyncio.LimitOverrunError as error:
            raise HTTPError(400) from error
        file.seek(0)
        return length

    async def _chunk_size(self) -> int:
        found = _CHUNK.fullmatch(await self.reader.readuntil(b"\r\n"))
        if found is None:
            raise HTTPError(400)
        return int(found[1], 16)

    async def send(self, data: bytes) -> None:
        """Raises Left."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError as error:
            raise Left from error

    async def unless_left(self, task: asyncio.Task[_T]) -> _T:
        """What the task returns. Raises Left as soon as the client has left."""
        leaving = asyncio.create_task(self.reader.ended.wait())
        try:
            await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
        if not task.done():
            raise Left
        return task.result()

    def close_if_idle(self) -> None:
        if self._idle:
            self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        with suppress(ConnectionError, OSError, TimeoutError, NotImplementedError):
            if not self.reader.at_eof() and not self._writer.is_closing():
                self._writer.write_eof()
                async with asyncio.timeout(_LINGER):
                    while await self.reader.read(_BLOCK):
                        pass
        self._writer.close()
