"""Hypercorn: ``python -m django_gateway.workers.hypercorn --bind fd://3 --workers 0 …``, its own command line.

When Hypercorn ends it drops connections whose request has not arrived yet; here it stops accepting a moment earlier.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import hypercorn.asyncio.run as serving
from hypercorn.__main__ import main as run

from . import spare
from .channel import channel

_FRESH = 0.25  # seconds in which a client that has connected is expected to send its request

_serve = serving.worker_serve


async def serve(app: Any, config: Any, *, sockets: Any = None, shutdown_trigger: Any = None) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    loop.add_signal_handler(signal.SIGINT, channel.send, "interrupt")

    async def told_to_end() -> None:
        await told.wait()
        for listener in (*sockets.secure_sockets, *sockets.insecure_sockets):
            loop.remove_reader(listener)
        await asyncio.sleep(_FRESH)

    await _serve(app, config, sockets=sockets, shutdown_trigger=told_to_end)


def main() -> None:
    spare.hold()
    serving.worker_serve = serve
    sys.exit(run())


if __name__ == "__main__":
    main()
