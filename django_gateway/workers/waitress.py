"""Waitress as a worker: ``python -m django_gateway.workers.waitress --fd 3``, with options of waitress-serve's."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import time
from getopt import GetoptError
from typing import Any

import waitress
from waitress.adjustments import Adjustments

from . import spare
from .channel import channel
from .environment import GRACE

_LOOK = 0.05
_FRESH = 0.25  # seconds in which a client that has connected is expected to send its request


class Serving:
    """Waitress' loop, with an end that loses nothing: at SIGTERM it stops accepting and finishes what was begun."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._told = False
        signal.signal(signal.SIGTERM, self._told_to_end)

    def _told_to_end(self, *_: object) -> None:
        self._told = True
        self._server.pull_trigger()

    def run(self) -> None:
        while not self._told:
            self._turn(self._server.adj.asyncore_loop_timeout)
        self._server.accepting = False
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline and any(map(_in_use, list(self._server.active_channels.values()))):
            self._turn(_LOOK)

    def _turn(self, timeout: float) -> None:
        server = self._server
        server.asyncore.loop(timeout=timeout, map=server._map, use_poll=server.adj.asyncore_use_poll, count=1)


def _in_use(connection: Any) -> bool:
    if connection.requests or connection.request is not None or connection.total_outbufs_len:
        return True
    never = connection.last_activity == connection.creation_time
    return bool(never and time.time() - connection.creation_time < _FRESH)


def main() -> None:
    signal.signal(signal.SIGINT, lambda *_: channel.send("interrupt"))
    at = sys.argv.index("--fd")
    number, arguments = int(sys.argv[at + 1]), sys.argv[1:at] + sys.argv[at + 2 :]
    try:
        options, rest = Adjustments.parse_args(arguments)
    except GetoptError as error:
        sys.exit(f"waitress: {error}")
    if rest:
        sys.exit(f"waitress: {rest[0]!r} is no option")
    spare.hold()

    from . import afterwards
    from .application import load

    channel.hold_on()
    application = load("wsgi")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it counts every request that waits
    listener = socket.socket(fileno=number)
    listener.set_inheritable(False)
    adjustments = {name: value for name, value in options.items() if name not in ("app", "call", "help")}
    server = waitress.create_server(application, sockets=[listener], **adjustments)
    serving = Serving(server)
    afterwards.serving()
    serving.run()


if __name__ == "__main__":
    main()
