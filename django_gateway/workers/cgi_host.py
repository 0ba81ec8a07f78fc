"""``python -m django_gateway.workers.cgi_host --fd 3 FOLDER SCRIPT``: a host for CGI where there is no web server.

It accepts connections and runs SCRIPT once for each request, as RFC 3875 has it: no script runs before its request has
come, and none that is left by its client goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import nullcontext
from dataclasses import replace
from typing import IO, Final

from .. import __version__
from ..servers.cgi import CHANGES
from . import group
from .cgi_connection import Connection, Left
from .cgi_http import HTTPError, Request, page
from .cgi_rehearsal import Rehearsals
from .cgi_script import Script, environment
from .channel import channel

SOFTWARE: Final = f"gatewayserve/{__version__}"
#: Redirects of a script to itself, one after the other.
_REDIRECTS: Final = 10
#: Seconds in which requests may end in peace.
_PEACE: Final = 1.0
_LAST: Final = 0.7


class Host:
    def __init__(self, listener: socket.socket, folder: str, script: str) -> None:
        self._listener = listener
        self._script = script
        self._rehearsals = Rehearsals(f"{folder}/{CHANGES}")
        self._told_to_end = asyncio.Event()
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        #: Scripts that have answered and have not ended yet.
        self._ending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._told_to_end.set)
        server = await loop.create_server(lambda: Connection(self._connected).protocol, sock=self._listener)
        if channel.connected:
            loop.add_reader(channel.fileno(), self._heard)
        channel.send("serving")
        self._rehearsals.start()
        await self._told_to_end.wait()
        if channel.connected:
            loop.remove_reader(channel.fileno())
        server.close()
        self._rehearsals.end()
        for connection in self._connections:
            connection.close_if_idle()
        await self._wait_for([*self._connections.values(), *self._ending], _PEACE)
        for task in self._connections.values():
            task.cancel()
        await self._wait_for(list(self._connections.values()), _LAST)
        # Each of them has told its script to end.
        await self._wait_for(list(self._ending), _LAST)
        group.end(signal.SIGKILL, _LAST)

    @staticmethod
    async def _wait_for(tasks: list[asyncio.Task[None]], seconds: float) -> None:
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def _heard(self) -> None:
        message = channel.receive()
        if message is None:
            self._told_to_end.set()
        elif message["kind"] == "changed":
            self._rehearsals.changed(message["variables"])

    def _connected(self, connection: Connection) -> None:
        task = asyncio.create_task(self._serve(connection))
        self._connections[connection] = task
        task.add_done_callback(lambda _: self._connections.pop(connection, None))

    async def _serve(self, connection: Connection) -> None:
        try:
            while not self._told_to_end.is_set() and await self._exchange(connection):
                pass
            await connection.close()
        except Left:
            connection.abort()

    async def _exchange(self, connection: Connection) -> bool:
        """One request and its response; whether another may follow."""
        try:
            request = await connection.request()
            if request is None:
                return False
            for _ in range(_REDIRECTS):
                redirect = await self._answer(connection, request)
                if redirect is None:
                    return request.stays and not connection.last
                request = replace(request, method="GET", target=redirect, length=0)
            raise HTTPError(508)
        except HTTPError as error:
            response, body = page(error.status)
            await connection.send(response.head(SOFTWARE, chunked=False, close=True) + body)
            return False

    async def _answer(self, connection: Connection, request: Request) -> str | None:
        """Run the script and send what it says; returns the path where the script wants the host to look instead.

        Raises HTTPError where nothing has been sent, Left where the connection is of no more use.
        """
        with tempfile.TemporaryFile() if request.length is None else nullcontext() as collected:
            stdin: IO[bytes] | int = PIPE if request.length else DEVNULL
            length = request.length or 0
            if collected is not None:
                # CGI has to be told the length of a body before the script is started.
                length, stdin = await connection.collect(collected), collected
            variables = environment(request, length, connection.client, connection.local, SOFTWARE)
            try:
                script = await Script.start(self._script, variables, stdin)
            except OSError as error:
                sys.stderr.write(f"{self._script} can't be started: {error}\n")
                raise HTTPError(502) from error
        answering = asyncio.create_task(self._respond(connection, request, script))
        feeding = asyncio.create_task(script.feed(connection.reader, length)) if stdin is PIPE else None
        try:
            redirect = await connection.unless_left(answering)
            if feeding is not None:
                await connection.unless_left(feeding)
            return redirect
        finally:
            ending = asyncio.create_task(_end(script, answering, feeding))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _respond(self, connection: Connection, request: Request, script: Script) -> str | None:
        response = await script.head()
        if response.redirect is not None:
            return response.redirect
        sending = response.has_body(request.method)
        length = response.length
        chunked = sending and length is None and request.version >= (1, 1)
        # Without a length and without chunks, the end of the connection is the end of the body.
        endless = sending and length is None and not chunked
        connection.last = endless or self._told_to_end.is_set()
        await connection.send(response.head(SOFTWARE, chunked=chunked, close=connection.last or not request.stays))
        # Once the client has all that it was promised it may leave: nothing is waited for then.
        missing = length if sending else 0
        while missing != 0 and (data := await script.body()):
            if missing is not None:
                data = data[:missing]
                missing -= len(data)
            await connection.send(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        if missing:
            raise Left
        if missing is None and not await script.ended_well():
            # Without a length, only a connection that breaks says that this is not all.
            raise Left
        if chunked:
            await connection.send(b"0\r\n\r\n")
        return None


async def _end(script: Script, answering: asyncio.Task[str | None], feeding: asyncio.Task[None] | None) -> None:
    answered = answering.done()
    tasks = [task for task in (answering, feeding) if task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await script.end(answered=answered)


def main() -> None:
    signal.signal(signal.SIGINT, lambda *_: channel.send("interrupt"))
    parser = argparse.ArgumentParser(prog="gatewayserve --cgi --server embedded", allow_abbrev=False)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("folder")
    parser.add_argument("script")
    options = parser.parse_args()
    group.make()
    listener = socket.socket(fileno=options.fd)
    listener.set_inheritable(False)

    asyncio.run(Host(listener, options.folder, options.script).run())


if __name__ == "__main__":
    main()
