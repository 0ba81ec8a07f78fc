"""One run of a CGI script, from the side of the host: its environment, its standard input, its end."""

from __future__ import annotations

import asyncio
import os
import re
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import IO, Final

from ..interfaces.cgi_process import RECEIVED
from ..servers.cgi import passed_on
from .cgi_http import HTTPError, Request, Response, parse_response

BLOCK: Final = 65_536
_LONGEST_HEAD: Final = 262_144
#: Seconds before SIGKILL: for a script that was told to end, and for one that has answered and may have work to do yet.
_TOLD: Final = 2.0
_ANSWERED: Final = 30.0

_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
#: Variables of their own, or of no meaning to a script. "Proxy" would become HTTP_PROXY (CVE-2016-5385).
_LEFT_OUT: Final = frozenset({"content-length", "content-type", "proxy", "transfer-encoding"})


def environment(
    request: Request, length: int, client: tuple[str, int], local: tuple[str, int], software: str
) -> dict[str, str]:
    """The meta-variables of RFC 3875 §4.1, for a script that has every path. Raises HTTPError."""
    host = request.find("host")
    name = host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]
    values = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": software,
        "SERVER_PROTOCOL": f"HTTP/{request.version[0]}.{request.version[1]}",
        "SERVER_NAME": name or local[0],
        "SERVER_PORT": str(local[1]),
        "SERVER_ADDR": local[0],
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": _native(request.target),
        "SCRIPT_NAME": "",
        "PATH_INFO": os.fsdecode(request.path),
        "QUERY_STRING": _native(request.query),
        RECEIVED: str(time.time_ns() // 1000),
    }
    if length:
        values["CONTENT_LENGTH"] = str(length)
    if kind := request.find("content-type"):
        values["CONTENT_TYPE"] = _native(kind)
    for name in dict.fromkeys(name for name, _ in request.headers):
        # X_Forwarded_For and X-Forwarded-For are one variable: only the names that proxies know count (CVE-2015-0219).
        if name not in _LEFT_OUT and "_" not in name:
            joint = "; " if name == "cookie" else ", "
            values[f"HTTP_{name.upper().replace('-', '_')}"] = _native(joint.join(request.all(name)))
    if any("\0" in value for value in values.values()):
        raise HTTPError(400)  # what a path may say with %00, a variable can't
    return passed_on(os.environ) | values


def _native(text: str) -> str:
    """Bytes that were read as latin-1, as Python has them in an environment."""
    return os.fsdecode(text.encode("latin-1"))


class Script:
    """A process that was started for one request."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._output = process.stdout
        self._rest = b""

    @classmethod
    async def start(cls, path: str, variables: dict[str, str], stdin: IO[bytes] | int = DEVNULL) -> Script:
        """``stdin`` is a file, or PIPE where ``feed`` is to follow. Raises OSError."""
        process = await asyncio.create_subprocess_exec(path, env=variables, stdin=stdin, stdout=PIPE, limit=BLOCK)
        return cls(process)

    async def feed(self, reader: asyncio.StreamReader, length: int) -> None:
        """Pass on the body as it comes; the script may close its standard input before the end of it."""
        stdin = self._process.stdin
        assert stdin is not None
        broken = False
        while length:
            data = await reader.read(min(length, BLOCK))
            if not data:
                break
            length -= len(data)
            if not broken:
                try:
                    stdin.write(data)
                    await stdin.drain()
                except ConnectionError:
                    broken = True  # the rest is read all the same: the next request comes behind it
        stdin.close()
        with suppress(ConnectionError):
            await stdin.wait_closed()

    async def head(self) -> Response:
        """Raises HTTPError where what comes is no head."""
        said = b""
        while (end := _END_OF_HEAD.search(said)) is None:
            data = await self._read()
            said += data
            if not data or len(said) > _LONGEST_HEAD:
                raise HTTPError(502)
        self._rest = said[end.end() :]
        return parse_response(said[: end.start()])

    async def body(self) -> bytes:
        """The next of it; empty at its end."""
        data, self._rest = self._rest, b""
        return data or await self._read()

    async def _read(self) -> bytes:
        assert self._output is not None
        return await self._output.read(BLOCK)

    async def ended_well(self) -> bool:
        return await self._process.wait() == 0

    async def end(self, *, answered: bool) -> None:
        """Make sure that it ends; one that has answered does so by itself."""
        with suppress(ProcessLookupError):
            if self._process.returncode is None and not answered:
                self._process.terminate()
            try:
                async with asyncio.timeout(_ANSWERED if answered else _TOLD):
                    while await self._read():
                        pass  # a full pipe would keep it from ending
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
