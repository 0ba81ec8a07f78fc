"""Cheroot as a worker: ``python -m django_gateway.workers.cheroot --fd 3``, with options of its own command line."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
import time
from typing import Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

from . import spare
from .channel import channel
from .environment import GRACE

_FRESH = 0.25  # seconds in which a client that has connected is expected to send its request


class Server(wsgi.Server):
    """On an inherited socket; told to end (SIGTERM), it stops accepting and finishes what was begun."""

    def __init__(self, listener: socket.socket, application: Any, **options: Any) -> None:
        self._listener = listener
        super().__init__(listener.getsockname()[:2], application, shutdown_timeout=int(GRACE), **options)

    def bind(self, *_: Any) -> None:
        listener = self._listener
        self.socket = self.ssl_adapter.bind(listener) if self.ssl_adapter else listener

    def bind_unix_socket(self, _: Any) -> None:
        self.bind()

    def told_to_end(self, *_: object) -> None:
        # The selector's lock may be held by the very thread that this handler has interrupted.
        threading.Thread(target=self.drain).start()

    def drain(self) -> None:
        connections: Any = self._connections  # type: ignore[attr-defined]
        connections._selector.unregister(self.socket.fileno())
        time.sleep(_FRESH)
        # stop() would connect to the address to wake whoever accepts there, and that is the next worker.
        self.socket = None
        self.stop()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gatewayserve --server cheroot", allow_abbrev=False)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--threads", type=int, dest="numthreads", default=10)
    parser.add_argument("--max-threads", type=int, dest="max", default=-1)
    parser.add_argument("--server-name", dest="server_name")
    for name in ("timeout", "request-queue-size", "accepted-queue-size", "accepted-queue-timeout"):
        parser.add_argument(f"--{name}", type=int, default=argparse.SUPPRESS)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    return parser.parse_args()


def main() -> None:
    given = vars(arguments())
    signal.signal(signal.SIGINT, lambda *_: channel.send("interrupt"))
    spare.hold()

    from . import afterwards
    from .application import load

    channel.hold_on()
    application = load("wsgi")
    listener = socket.socket(fileno=given.pop("fd"))
    listener.set_inheritable(False)
    certificate, key = given.pop("certificate"), given.pop("key")
    server = Server(listener, application, **given)
    if certificate:
        server.ssl_adapter = BuiltinSSLAdapter(certificate, key)
    server.prepare()
    signal.signal(signal.SIGTERM, server.told_to_end)
    afterwards.serving()
    server.serve()
    sys.exit()


if __name__ == "__main__":
    main()
