"""A WebSocket over TLS, called as websockets' threaded client is.

That client reads in one thread and writes in another, and OpenSSL's connections are not made for it: now and then, more
often on a busy machine, what was written stays where it is until the server gives up (python/cpython#137583 tells of the
lock that was tried and taken back). Here one thread of its own does both, on an event loop.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from serving import DEADLINE

T = TypeVar("T")


class SecureWebSocket:
    """Open from the making to ``close``. The socket is made by the calling thread, and so in its network namespace."""

    def __init__(self, address: str, context: ssl.SSLContext, origin: str | None = None) -> None:
        to = urlsplit(address)
        plain = socket.create_connection((to.hostname, to.port), DEADLINE)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

        async def opened() -> ClientConnection:
            told = None if origin is None else Origin(origin)
            return await connect(address, sock=plain, ssl=context, origin=told, proxy=None, open_timeout=DEADLINE)

        try:
            self._connection = self._done(opened())
        except BaseException:
            plain.close()
            self._end()
            raise

    def send(self, message: str | bytes) -> None:
        self._done(self._connection.send(message))

    def recv(self, timeout: float = DEADLINE) -> str | bytes:
        return self._done(self._connection.recv(), timeout)

    def close(self) -> None:
        try:
            self._done(self._connection.close())
        finally:
            self._end()

    def __enter__(self) -> SecureWebSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _done(self, coroutine: Coroutine[Any, Any, T], timeout: float = DEADLINE) -> T:
        async def bounded() -> T:
            return await asyncio.wait_for(coroutine, timeout)

        return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()
