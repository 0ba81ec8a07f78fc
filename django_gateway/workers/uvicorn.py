"""uvicorn on an inherited socket: ``python -m django_gateway.workers.uvicorn --fd 3 …``, its own command line.

uvicorn takes an inherited socket for a Unix one, whatever it is, and when it ends it drops connections whose request
has not arrived yet. Neither happens here.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from importlib import import_module
from types import FrameType
from typing import Any

import uvicorn

from . import accepting, spare
from .channel import channel

#: Seconds in which a client that has connected is expected to send its request.
_FRESH = 0.25
_LOOK = 0.02


class Server(uvicorn.Server):
    def run(self, sockets: list[socket.socket] | None = None) -> None:
        if sockets is None and self.config.fd is not None:
            listener = socket.socket(fileno=self.config.fd)
            listener.set_inheritable(False)
            sockets = [listener]
        super().run(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT:
            channel.send("interrupt")
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        accepting.stop(self.servers)
        loop = asyncio.get_running_loop()
        until = loop.time() + _FRESH
        await asyncio.sleep(_LOOK)
        while loop.time() < until and any(map(_is_fresh, self.server_state.connections)):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)
        await super().shutdown(sockets)


def _is_fresh(connection: Any) -> bool:
    """Whether no request has come over it yet; a WebSocket has no cycle at all."""
    return hasattr(connection, "cycle") and connection.cycle is None


def main() -> None:
    spare.hold()
    # uvicorn.main, as an attribute, is the command and not the module.
    command: Any = import_module("uvicorn.main")
    command.Server = Server
    command.main(prog_name="uvicorn")


if __name__ == "__main__":
    main()
