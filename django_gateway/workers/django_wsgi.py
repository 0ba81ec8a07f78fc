"""Django's own server as a worker: ``python -m django_gateway.workers.django_wsgi --fd 3``.

It accepts on a socket that it shares with the worker before it and the worker after it. Told to end (SIGTERM), it stops
accepting at once, so that what waits in the backlog is the next worker's, and finishes the requests that it has begun.
"""

from __future__ import annotations

import argparse
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIServer

from . import spare
from .channel import channel
from .environment import GRACE
from .wsgi_connection import Connection

_LOOK = 0.02  # seconds between two looks at what is still in flight


class Server(WSGIServer):
    """On an inherited socket, with an end that loses nothing."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(("", 0), Connection, ipv6=listener.family is socket.AF_INET6, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_address = listener.getsockname()
        host, port, *_ = cast("tuple[str, int]", self.server_address)
        self.server_name, self.server_port = socket.getfqdn(host), port
        self.setup_environ()
        #: Open connections; None for one that has no handler yet.
        self.connections: dict[socket.socket, Connection | None] = {}
        self.draining = False

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections[request] = None
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        super().close_request(request)
        self.connections.pop(request, None)

    def serve(self, ready: Callable[[], None]) -> None:
        """Accept until SIGTERM, then finish what was begun; ``ready`` is called when it would be noticed."""
        wake, woken = socket.socketpair()
        for end in (wake, woken):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno())
        signal.signal(signal.SIGTERM, self._told_to_end)
        ready()
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while not self.draining:
                selector.select()
                with suppress(BlockingIOError):
                    wake.recv(64)
                if not self.draining:
                    self._handle_request_noblock()  # type: ignore[attr-defined]  # socketserver's
        self.socket.close()
        self.drain()

    def _told_to_end(self, *_: object) -> None:
        self.draining = True

    def drain(self) -> None:
        deadline = time.monotonic() + GRACE
        while self.connections and time.monotonic() < deadline:
            for connection in list(self.connections.values()):
                if connection is not None:
                    connection.drain()
            time.sleep(_LOOK)
        for connection in list(self.connections.values()):
            if connection is not None:
                connection.hang_up()


class ThreadedServer(ThreadedWSGIServer, Server):
    pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="gatewayserve --server django", allow_abbrev=False)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--nothreading", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, lambda *_: channel.send("interrupt"))
    spare.hold([options.fd])

    from . import afterwards
    from .application import load

    channel.hold_on()
    application = load("wsgi")
    listener = socket.socket(fileno=options.fd)
    listener.set_inheritable(False)
    server = (Server if options.nothreading else ThreadedServer)(listener)
    server.set_app(application)
    server.serve(afterwards.serving)


if __name__ == "__main__":
    main()
