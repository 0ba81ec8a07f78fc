"""The relay: what comes from the client goes to the server as it is, and back. Nothing waits for who reads along."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

from .talk import Seen, Talk

#: Bytes that wait for one side before the other is read no further.
_HIGH: Final = 65_536
#: Seconds that a client waits for one that has not bound its address yet, and between two tries.
_PATIENCE: Final = 15.0
_PAUSE: Final = 0.05


class Side(asyncio.Protocol):
    """One of the two connections of a pipe."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self.peer: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_HIGH)
        self._pipe.made(self)

    def data_received(self, data: bytes) -> None:
        peer = self._peer()
        if peer is not None:
            peer.write(data)
        self._pipe.read(self, data)

    def eof_received(self) -> bool:
        """The other direction may go on: half-closed connections stay that."""
        self.ended = True
        peer = self._peer()
        if peer is not None and self.peer is not None:
            if peer.can_write_eof() and not peer.is_closing():
                with suppress(OSError):
                    peer.write_eof()
            if self.peer.ended or not peer.can_write_eof():
                self._pipe.close()
        # TLS has no half of a connection, and asyncio closes it by itself.
        return self.transport is not None and self.transport.can_write_eof()

    def pause_writing(self) -> None:
        peer = self._peer()
        if peer is not None and not peer.is_closing():
            peer.pause_reading()

    def resume_writing(self) -> None:
        peer = self._peer()
        if peer is not None and not peer.is_closing():
            peer.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        self._pipe.close()

    def _peer(self) -> asyncio.Transport | None:
        return None if self.peer is None else self.peer.transport


class Pipe:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.client = Side(self)
        self.server = Side(self)
        self.client.peer, self.server.peer = self.server, self.client
        self._talk: Talk | None = None
        self._closed = False

    def made(self, side: Side) -> None:
        if side is self.client and side.transport is not None:
            self._relay.pipes.add(self)
            side.transport.pause_reading()
            self._relay.connect(self)

    def connected(self) -> None:
        """To the server: now the client is read."""
        client, server = self.client.transport, self.server.transport
        assert client is not None
        assert server is not None
        if self._closed:
            server.close()
            return
        self._talk = self._relay.talk(client.get_extra_info("peername"), server.get_extra_info("sockname"))
        client.resume_reading()

    def read(self, side: Side, data: bytes) -> None:
        if self._talk is None:
            return
        try:
            (self._talk.from_client if side is self.client else self._talk.from_server)(data)
        except Exception:  # an error of ours: the bytes have gone on
            self._talk = None
            self._relay.errors += 1

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Both sides, after what has still to be written."""
        if not self._closed:
            self._closed = True
            if self._talk is not None:
                with suppress(Exception):
                    self._talk.end()
            self._relay.pipes.discard(self)
        for side in (self.client, self.server):
            if side.transport is not None and not side.transport.is_closing():
                side.transport.close()


class Relay:
    """``done`` is told of each request once it is over; ``kept`` bytes of each body are remembered for that."""

    def __init__(
        self,
        upstream: tuple[str, int],
        done: Callable[[Seen], None],
        *,
        kept: int = 0,
        inner: ssl.SSLContext | None = None,
    ) -> None:
        self._upstream = upstream
        self._done = done
        self._kept = kept
        self._inner = inner
        self._connecting: set[asyncio.Task[None]] = set()
        self.pipes: set[Pipe] = set()
        self.errors = 0

    def accept(self) -> Side:
        """The protocol of a client's connection."""
        return Pipe(self).client

    def connect(self, pipe: Pipe) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(pipe))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, pipe: Pipe) -> None:
        assert pipe.client.transport is not None
        loop = asyncio.get_running_loop()
        host, port = self._upstream
        end = loop.time() + _PATIENCE
        while not pipe.closed:
            try:
                await loop.create_connection(
                    lambda: pipe.server,
                    *(host, port),
                    local_addr=(own_address(pipe.client.transport.get_extra_info("peername"), host), 0),
                    ssl=self._inner,
                    server_hostname="localhost" if self._inner else None,
                )
            except ConnectionRefusedError:
                # A program that binds its address itself does so a moment after its start: as in a backlog.
                if loop.time() < end:
                    await asyncio.sleep(_PAUSE)
                    continue
                pipe.close()
            except OSError:
                pipe.close()
            else:
                pipe.connected()
            return

    def talk(self, client: Any, known_as: Any) -> Talk:
        return Talk(written(client), written(known_as), self._done, tls=self._inner is not None, kept=self._kept)


def own_address(client: Any, host: str) -> str:
    """From where to connect to ``host`` so that the server sees the client's own address, where that is this machine's.

    It can only be so on the loopback; everybody else is seen as localhost.
    """
    if ":" in host:
        return "::1"
    if isinstance(client, tuple):
        with suppress(ValueError):
            address = ipaddress.ip_address(client[0])
            if address.version == 4 and address.is_loopback:
                return str(address)
    return "127.0.0.1"


def written(address: Any) -> str:
    """As exchanges have it; a client of a Unix socket has none."""
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else ""
