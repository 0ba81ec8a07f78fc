"""Gunicorn on an inherited socket: ``python -m django_gateway.workers.gunicorn --bind fd://3 …``, its own command line.

What differs from the program ``gunicorn``: the socket outlives this process, so its file stays; workers that are told
to end before they serve do so; and the one for ASGI stops accepting at once, and drops nothing that it has accepted.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from gunicorn.app import base, wsgiapp
from gunicorn.arbiter import Arbiter as GunicornArbiter
from gunicorn.workers import gasgi
from gunicorn.workers.gasgi import ASGIWorker as GunicornASGIWorker

from . import accepting, forked, spare, tether
from .channel import channel

#: Seconds in which a connection that was accepted is expected to be set up.
_FRESH = 0.1


class ASGIWorker(GunicornASGIWorker):
    """Told to end, it stops accepting at once rather than within a second; or it never begins to."""

    def handle_exit_signal(self) -> None:
        super().handle_exit_signal()
        accepting.stop(self.servers)

    def _get_ssl_context(self) -> Any:
        # The last that is asked before it listens.
        if not self.alive:
            sys.exit()
        return super()._get_ssl_context()

    async def _shutdown(self) -> None:
        accepting.stop(self.servers)
        # A connection counts once it is set up, with TLS after the handshake: until then nobody waits for it.
        await asyncio.sleep(_FRESH)
        await super()._shutdown()


class Arbiter(GunicornArbiter):
    def start(self) -> None:
        super().start()
        self.systemd = True  # as under systemd, the socket is somebody else's

    def handle_int(self) -> None:
        channel.send("interrupt")


def main() -> None:
    tether.end_with_supervisor()
    spare.hold()
    forked.end_until_ready()
    base.Arbiter = Arbiter
    gasgi.ASGIWorker = ASGIWorker
    wsgiapp.run(prog="gunicorn")


if __name__ == "__main__":
    main()
