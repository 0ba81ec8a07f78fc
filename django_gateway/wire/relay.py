"""The relay: what comes from the client goes to the server as it is, and back. Nothing waits for who reads along."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

from .addresses import Addresses
from .http2 import PREFACE, Talk2, is_available
from .talk import Seen, Talk
from .tls import H2, TLS

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
        self.take(transport)
        self._pipe.made(self)

    def take(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_HIGH)

    def data_received(self, data: bytes) -> None:
        if not self._pipe.joined:
            self._pipe.early += data
            return
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
        if self.peer is not None:
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
        self._talk: Talk | Talk2 | None = None
        #: What the client said before both sides were there. The server is not read until then.
        self.early = bytearray()
        self.joined = False
        self._fresh = True
        self.closed = False

    def made(self, side: Side) -> None:
        if side.transport is not None:
            side.transport.pause_reading()
        if side is self.client:
            self._relay.pipes.add(self)
            self._relay.connect(self)

    def leave_server(self) -> None:
        """For another connection to it."""
        left, self.server = self.server, Side(self)
        left.peer = None
        self.client.peer, self.server.peer = self.server, self.client
        if left.transport is not None:
            left.transport.close()

    def connected(self) -> None:
        """To the server: now both are read."""
        client, server = self.client.transport, self.server.transport
        assert client is not None
        assert server is not None
        if self.closed:
            server.close()
            return
        self._talk = self._relay.talk(self, h2=protocol_of(client) == H2)
        self.joined = True
        if self.early:
            self.client.data_received(bytes(self.early))
        server.resume_reading()
        client.resume_reading()

    def read(self, side: Side, data: bytes) -> None:
        if self._talk is None:
            return
        try:
            if side is self.client and self._fresh:
                self._fresh = False
                # Without TLS a client may know beforehand, and speaks first.
                if isinstance(self._talk, Talk) and data.startswith(PREFACE) and is_available():
                    self._talk = self._relay.talk(self, h2=True)
            (self._talk.from_client if side is self.client else self._talk.from_server)(data)
        except Exception:  # an error of ours: the bytes have gone on
            self._talk = None
            self._relay.errors += 1

    def close(self) -> None:
        """Both sides, after what has still to be written."""
        if not self.closed:
            self.closed = True
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
        self, upstream: tuple[str, int], done: Callable[[Seen], None], *, kept: int = 0, tls: TLS | None = None
    ) -> None:
        self._upstream = upstream
        self._addresses = Addresses(upstream[0])
        self._done = done
        self._kept = kept
        #: By whether HTTP/2 may be spoken.
        self._inner = None if tls is None else {h2: tls.inner(h2=h2) for h2 in (True, False)}
        self._outer = None if tls is None else {h2: tls.outer(h2=h2) for h2 in (True, False)}
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
        try:
            await self._reach(pipe, h2=True)
            if self._outer is not None:
                # The client is offered what the server speaks now; it may speak less.
                spoken = protocol_of(pipe.server.transport)
                if await self._secure(pipe, self._outer[spoken == H2]) != H2 and spoken == H2:
                    pipe.leave_server()
                    await self._reach(pipe, h2=False)
        except OSError:
            pipe.close()
        else:
            pipe.connected()

    async def _reach(self, pipe: Pipe, *, h2: bool) -> None:
        """Raises OSError."""
        assert pipe.client.transport is not None
        loop = asyncio.get_running_loop()
        source = self._addresses.of(pipe.client.transport.get_extra_info("peername"))
        end = loop.time() + _PATIENCE
        while True:
            try:
                await loop.create_connection(
                    lambda: pipe.server,
                    *self._upstream,
                    local_addr=(source, 0),
                    ssl=None if self._inner is None else self._inner[h2],
                    server_hostname="localhost" if self._inner else None,
                )
                return
            except ConnectionRefusedError:
                # A program that binds its address itself does so a moment after its start: as in a backlog.
                if pipe.closed or loop.time() > end:
                    raise
                await asyncio.sleep(_PAUSE)

    async def _secure(self, pipe: Pipe, context: ssl.SSLContext) -> str | None:
        """Begin TLS with the client; returns the protocol that it has chosen. Raises OSError."""
        assert pipe.client.transport is not None
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(pipe.client.transport, pipe.client, context, server_side=True)
        if transport is None:
            raise ConnectionAbortedError
        pipe.client.take(transport)
        return protocol_of(transport)

    def talk(self, pipe: Pipe, *, h2: bool) -> Talk | Talk2:
        assert pipe.client.transport is not None
        assert pipe.server.transport is not None
        client = written(pipe.client.transport.get_extra_info("peername"))
        known_as = written(pipe.server.transport.get_extra_info("sockname"))
        kind = Talk2 if h2 else Talk
        return kind(client, known_as, self._done, tls=self._inner is not None, kept=self._kept)


def protocol_of(transport: asyncio.BaseTransport | None) -> str | None:
    """What was agreed on by ALPN."""
    secured = None if transport is None else transport.get_extra_info("ssl_object")
    return None if secured is None else secured.selected_alpn_protocol()


def written(address: Any) -> str:
    """As exchanges have it; a client of a Unix socket has none."""
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else ""
