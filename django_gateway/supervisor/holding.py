"""What a client gets while the project cannot be started: a small page that says why, and tries again by itself.

The supervisor answers on the same socket, but lets each connection wait in the backlog for a moment first, so that
somebody who saves a fix and reloads at once is answered by the fix.
"""

from __future__ import annotations

import asyncio
import html
import ipaddress
import socket
import ssl
import struct
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ..workers.failures import plain

#: Seconds that a connection waits for a fix.
PATIENCE: Final = 0.3
_LOOK: Final = 0.05
_TIMEOUT: Final = 5.0
_LONGEST_HEAD: Final = 65536

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="1">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ margin: 3rem auto; max-width: 60rem; padding: 0 1rem }}
h1 {{ font-size: 1.3rem; margin: 0 0 .5rem }}
pre {{ border-left: 4px solid #b3541e; overflow: auto; padding: .75rem 1rem; white-space: pre-wrap;
  font: 14px/1.45 ui-monospace, monospace; background: #8881 }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
{details}</body>
</html>
"""


@dataclass(frozen=True)
class Reason:
    title: str
    #: What to do about it.
    text: str
    #: A traceback or the like, perhaps in a terminal's colours.
    details: str = ""


#: For whoever must not be told: without DEBUG, or under a name that may be somebody else's.
_UNTOLD: Final = Reason("The project can't be loaded.", "The terminal that it was started in says why.")


class Holding:
    """Answers for the project between ``open`` and ``close``; ``hosts`` are those to whose pages details are shown."""

    def __init__(
        self, listener: socket.socket, hosts: tuple[str, ...], *, show_details: bool, tls: ssl.SSLContext | None = None
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._hosts = hosts
        self._show_details = show_details
        self._reason: Reason | None = None
        self._looking: asyncio.TimerHandle | None = None
        #: When each connection in the backlog was first seen.
        self._since: deque[float] = deque()
        self._answers: set[asyncio.Task[None]] = set()

    def open(self, reason: Reason) -> None:
        if self._reason is None:
            asyncio.get_running_loop().add_reader(self._listener, self._somebody_waits)
        self._reason = reason

    def close(self) -> None:
        """Leave every connection that has not been accepted yet to the project."""
        if self._reason is not None:
            self._reason = None
            asyncio.get_running_loop().remove_reader(self._listener)
            self._since.clear()
            if self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def _somebody_waits(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._look()

    def _look(self) -> None:
        """Accept those that have waited for long enough, in the order in which they came."""
        loop = asyncio.get_running_loop()
        now, waiting = loop.time(), _waiting(self._listener)
        while len(self._since) > waiting:
            self._since.popleft()
        self._since.extend([now] * (waiting - len(self._since)))
        while self._since and now - self._since[0] >= PATIENCE:
            self._since.popleft()
            self._accept()
        if self._since:
            self._looking = loop.call_later(_LOOK, self._look)
        else:
            self._looking = None
            loop.add_reader(self._listener, self._somebody_waits)

    def _accept(self) -> None:
        assert self._reason is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        task = asyncio.create_task(self._answer(connection, self._reason))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, connection: socket.socket, reason: Reason) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_TIMEOUT):
                reader, writer = await self._talk(connection)
            try:
                async with asyncio.timeout(_TIMEOUT):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._response(head.decode("latin-1"), reason))
                    await writer.drain()
                    if not writer.can_write_eof():
                        return  # TLS says goodbye by itself
                    writer.write_eof()
                    # Closing on unread data would reset the connection before the client has read the answer.
                    while await reader.read(_LONGEST_HEAD):
                        pass
            finally:
                writer.close()

    async def _talk(self, connection: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LONGEST_HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._tls)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    def _response(self, head: str, reason: Reason) -> bytes:
        request, *lines = head.split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not (self._show_details and is_known(headers.get("host", ""), self._hosts)):
            reason = _UNTOLD
        if "text/html" in headers.get("accept", ""):
            kind, body = "text/html", _page(reason)
        else:
            parts = (reason.title, reason.text, plain(reason.details))
            kind, body = "text/plain", "\n\n".join(part for part in parts if part) + "\n"
        content = body.encode("utf-8", "replace")
        head = (
            "HTTP/1.1 503 Service Unavailable\r\n"
            f"Content-Type: {kind}; charset=utf-8\r\n"
            f"Content-Length: {len(content)}\r\n"
            "Cache-Control: no-store\r\n"
            "Retry-After: 1\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode() + (b"" if request.startswith("HEAD ") else content)


def is_known(host: str, names: Iterable[str]) -> bool:
    """Whether a Host header surely means this machine, rather than a name that somebody else pointed at it.

    An IP address does: DNS has no part in it. ``names`` are those of ALLOWED_HOSTS; "*" says nothing here.
    """
    name = (host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]).lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        known = [".localhost", *names]
        return any(name == one.lstrip(".") or (one.startswith(".") and name.endswith(one)) for one in known)
    return True


def _waiting(listener: socket.socket) -> int:
    """How many connections wait in the backlog; where that can't be known, one, since one made the socket readable."""
    try:
        information = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)
        (count,) = struct.unpack_from("=I", information, 24)  # tcpi_unacked: of a listening socket, its backlog
    except (OSError, AttributeError, struct.error):
        return 1
    return int(count)


def _page(reason: Reason) -> str:
    return _PAGE.format(
        title=html.escape(reason.title),
        text=html.escape(reason.text),
        details=f"<pre>{html.escape(plain(reason.details))}</pre>\n" if reason.details else "",
    )
