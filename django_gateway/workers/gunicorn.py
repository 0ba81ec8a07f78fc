"""Gunicorn on an inherited socket: ``python -m django_gateway.workers.gunicorn --bind fd://3 …``, its own command line.

Two things differ from the program ``gunicorn``: the socket outlives this process, so its file stays; and the worker for
ASGI stops accepting as soon as it is told to end.
"""

from __future__ import annotations

from gunicorn.app import base, wsgiapp
from gunicorn.arbiter import Arbiter as GunicornArbiter
from gunicorn.workers import gasgi
from gunicorn.workers.gasgi import ASGIWorker as GunicornASGIWorker

from . import spare, tether
from .channel import channel


class ASGIWorker(GunicornASGIWorker):
    """Told to end, it stops accepting at once rather than within a second."""

    def handle_exit_signal(self) -> None:
        super().handle_exit_signal()
        for server in self.servers:
            server.close()


class Arbiter(GunicornArbiter):
    def start(self) -> None:
        super().start()
        self.systemd = True  # as under systemd, the socket is somebody else's

    def handle_int(self) -> None:
        channel.send("interrupt")


def main() -> None:
    tether.end_with_supervisor()
    spare.hold()
    base.Arbiter = Arbiter
    gasgi.ASGIWorker = ASGIWorker
    wsgiapp.run(prog="gunicorn")


if __name__ == "__main__":
    main()
