"""Daphne's server on an inherited socket, with an end that loses nothing and a request log like runserver's."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server as Daphne
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor as _reactor
from twisted.internet import tcp, unix
from twisted.internet.address import UNIXAddress
from twisted.protocols.policies import ProtocolWrapper

from . import access_log
from .daphne_tls import wrapped
from .environment import GRACE

reactor: Any = _reactor  # the reactor is a module to a type checker

_BACKLOG = 2048
_LOOK = 0.02  # seconds between two looks at what is still in flight
_FRESH = 0.25  # seconds in which a client that has just connected is expected to send its request
_DROPPING = 2  # seconds for a client to read why it was refused
_RESTART = 1012  # RFC 6455's registry of close codes: service restart


class Factory(HTTPFactory):
    """Daphne's connections, with the time until which each may yet send its first request."""

    def __init__(self, server: Daphne) -> None:
        super().__init__(server)
        self._fresh_until: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        #: Those over which a request has come.
        self.used: WeakSet[Any] = WeakSet()

    def is_fresh(self, connection: Any) -> bool:
        return connection._channel not in self.used and time.monotonic() < self._fresh_until.get(connection, 0.0)

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name for it
        protocol = super().buildProtocol(addr)
        channel = protocol._channel
        self._fresh_until[protocol] = time.monotonic() + _FRESH
        # Twisted drops a connection with too long a line and says nothing.
        channel.lineLengthExceeded = lambda line: refuse_head(channel)
        return protocol


class UnixPort(unix.Port):
    """A listening Unix socket of somebody else's: its file is neither opened to everybody nor removed."""

    _shouldShutdown = False  # noqa: N815 - Twisted's name; it would end it in every process

    def _buildAddr(self, name: Any) -> UNIXAddress:  # noqa: N802 - Twisted's name for it
        # Of a name in the abstract namespace (unix(7)) Twisted knows that there is no file.
        return UNIXAddress(b"\0inherited")

    @classmethod
    def adopt(cls, descriptor: int, factory: Any) -> Any:
        kind: Any = cls
        port = kind._fromListeningDescriptor(reactor, descriptor, factory)
        port.backlog = _BACKLOG
        port.startListening()
        return port


class Server(Daphne):
    connections: dict[Any, dict[str, Any]]
    """Told to end (SIGTERM), it stops accepting at once, closes what would not end, and finishes what was begun."""

    def __init__(
        self, application: Any, listener: socket.socket, ready: Callable[[], None], tls: Any = None, **options: Any
    ) -> None:
        super().__init__(application, endpoints=["inherited"], signal_handlers=False, action_logger=self.log, **options)
        self.endpoints: list[str] = []  # Daphne wants to be named one; the socket is listening already
        self.listener = listener
        self.ready = ready
        self.tls = tls
        self.port: Any = None
        self.draining_since: float | None = None
        #: The connection or request that ended last, which the log's next line is about.
        self.ended: Any = None

    def run(self) -> None:
        reactor.callLater(0, self.listen)
        super().run()

    def listen(self) -> None:
        self.http_factory = Factory(self)
        factory = self.http_factory if self.tls is None else wrapped(self.http_factory, self.tls)
        if self.listener.family is socket.AF_UNIX:
            self.port = UnixPort.adopt(self.listener.fileno(), factory)
        else:
            self.port = reactor.adoptStreamPort(self.listener.fileno(), self.listener.family, factory)
        self.listener.close()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.drain)
        self.ready()

    # The end

    def drain(self) -> None:
        if self.draining_since is None:
            self.draining_since = time.monotonic()
            self.port.stopListening()
            self.look()

    def look(self) -> None:
        """Close what is idle or endless; stop when nothing is in flight any more, or when it takes too long."""
        assert self.draining_since is not None
        now = time.monotonic()
        for connection in list(connections()):
            channel: Any = connection._channel
            if not hasattr(channel, "streams"):
                if channel.requests:
                    self.last_request(channel)
                elif not self.http_factory.is_fresh(connection):
                    channel.loseConnection()
            elif not channel.streams and not self.http_factory.is_fresh(connection):
                go_away(channel)
        waiting = False
        for protocol, details in list(self.connections.items()):
            if "disconnected" not in details:
                waiting = True
                end(protocol)
            instance = details.get("application_instance")
            waiting = waiting or (instance is not None and not instance.done())
        if (waiting or any(connections())) and now - self.draining_since < GRACE:
            reactor.callLater(_LOOK, self.look)
        else:
            self.stop()

    @staticmethod
    def last_request(channel: Any) -> None:
        channel.persistent = False
        request = channel.requests[-1]
        if not request.startedWriting:
            request.responseHeaders.setRawHeaders(b"connection", [b"close"])

    def kill_all_applications(self) -> Any:
        # Daphne takes for granted that each connection has an application by now.
        self.connections = {
            protocol: details for protocol, details in self.connections.items() if "application_instance" in details
        }
        return super().kill_all_applications()

    # The log

    def protocol_connected(self, protocol: Any) -> None:
        super().protocol_connected(protocol)
        if isinstance(protocol, WebRequest):
            # A request of HTTP/2 has a stream for its channel.
            self.http_factory.used.add(getattr(protocol.channel, "_conn", protocol.channel))

    def protocol_disconnected(self, protocol: Any) -> None:
        self.ended = protocol
        super().protocol_disconnected(protocol)

    def log(self, kind: str, action: str, details: Mapping[str, Any]) -> None:
        path = details["path"]
        if kind == "http":
            version = getattr(self.ended, "clientproto", b"HTTP/1.1").decode("ascii", "replace")
            status = details["status"]
            access_log.write(f"{details['method']} {path} {version}", status, details["size"], status=status)
        elif action == "connected":
            access_log.write(f"WEBSOCKET {path}", 101, "open", status=101)
        elif action == "rejected":
            access_log.write(f"WEBSOCKET {path}", 403, "rejected", status=403)
        elif action == "disconnected":
            code = close_code(self.ended)
            access_log.write(f"WEBSOCKET {path}", code, "closed", status=500 if code == 1011 else None)


def refuse_head(channel: Any) -> None:
    """RFC 6585's answer to a head with a line over Twisted's limit; what the client still sends is read and dropped.

    To close at once would reset the connection, and the answer could be lost with it.
    """
    limit = f"{channel.MAX_LENGTH // 1024} KiB"
    body = f"The request has a header line of more than {limit}, which Daphne does not take.\n".encode()
    head = f"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
    channel.transport.write(head.encode() + b"\r\nConnection: close\r\n\r\n" + body)
    if not isinstance(channel.transport, ProtocolWrapper):  # TLS has no end of one direction alone
        channel.transport.loseWriteConnection()
    channel.dataReceived = lambda data: None
    reactor.callLater(_DROPPING, channel.transport.loseConnection)
    access_log.note(f"A request with a header line of more than {limit}: answered 431.", level=logging.WARNING)


def go_away(channel: Any) -> None:
    """End an idle connection of HTTP/2 so that a client whose next request is on its way knows that it was not read."""
    channel.conn.close_connection()
    channel.transport.write(channel.conn.data_to_send())
    channel.transport.loseConnection()


def connections() -> Iterator[Any]:
    """The HTTP connections that the reactor reads from, whether or not a request has come over them."""
    for reader in reactor.getReaders():
        if isinstance(reader, tcp.Server):
            protocol: Any = reader.protocol
            protocol = getattr(protocol, "wrappedProtocol", protocol)  # inside of TLS
            if hasattr(protocol, "_channel"):
                yield protocol


def end(protocol: Any) -> None:
    """Bring to its end what would go on for as long as the client likes."""
    if isinstance(protocol, WebSocketProtocol):
        if protocol.state == protocol.STATE_OPEN:
            protocol.sendCloseFrame(code=_RESTART, reasonUtf8=b"The server restarts")
    elif isinstance(protocol, WebRequest) and protocol.startedWriting and not protocol.finished:
        kinds = protocol.responseHeaders.getRawHeaders(b"content-type", [])
        if any(kind.startswith(b"text/event-stream") for kind in kinds):
            protocol.finish()


def close_code(protocol: Any) -> int:
    """How a WebSocket was closed; 1006 (RFC 6455) where it was just cut off."""
    for code in (getattr(protocol, "remoteCloseCode", None), getattr(protocol, "localCloseCode", None)):
        if isinstance(code, int):
            return code
    return 1006
