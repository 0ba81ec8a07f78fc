"""Gunicorn on an inherited socket: ``python -m django_gateway.workers.gunicorn --bind fd://3 …``, its own command line.

Three things differ from the program ``gunicorn``: the socket outlives this process, so its file stays; workers that
die again and again end the arbiter, so that the supervisor can say so and wait, which Gunicorn does not; and the worker
for ASGI stops accepting as soon as it is told to end.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import Any

from gunicorn.app import base, wsgiapp
from gunicorn.arbiter import Arbiter as GunicornArbiter
from gunicorn.errors import HaltServer
from gunicorn.workers import gasgi
from gunicorn.workers.gasgi import ASGIWorker as GunicornASGIWorker

from . import spare, tether
from .channel import channel

#: This many deaths in this many seconds are too many.
_MOST, _WITHIN = 4, 5.0


class ASGIWorker(GunicornASGIWorker):
    """Told to end, it stops accepting at once rather than within a second."""

    def handle_exit_signal(self) -> None:
        super().handle_exit_signal()
        for server in self.servers:
            server.close()


class Arbiter(GunicornArbiter):
    def __init__(self, application: Any) -> None:
        super().__init__(application)
        self.deaths: deque[float] = deque(maxlen=_MOST)

    def start(self) -> None:
        super().start()
        self.systemd = True  # as under systemd, the socket is somebody else's

    def handle_int(self) -> None:
        channel.send("interrupt")

    def reap_workers(self) -> None:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            ended = None
        super().reap_workers()
        # No listeners: it is ending, and its workers with it.
        if ended is not None and ended.si_status != 0 and self.LISTENERS:
            now = time.monotonic()
            self.deaths.append(now)
            if len(self.deaths) == _MOST and now - self.deaths[0] < _WITHIN:
                raise HaltServer("Workers die again and again.", 1)


def main() -> None:
    tether.end_with_parent(os.getppid())
    spare.hold()
    base.Arbiter = Arbiter
    gasgi.ASGIWorker = ASGIWorker
    wsgiapp.run(prog="gunicorn")


if __name__ == "__main__":
    main()
