"""The test project under CGI, on each of the web servers that run scripts, and what came of a request."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from django_gateway import servers
from django_gateway.exchange import FINISHED, Exchange
from django_gateway.servers.base import ServerError
from django_gateway.servers.options import Options
from django_gateway.stores import Store, open_store
from serving import Serving, listens, until

PROJECT = Path(__file__).parents[1] / "testproject"


def usable(name: str) -> bool:
    try:
        servers.get(name).version()
        servers.get(name).check(Options(), "cgi")
    except ServerError:
        return False
    return True


def _parameter(name: str, *marks: Any) -> Any:
    absent = pytest.mark.skipif(not usable(name), reason=f"{name} can't be used here")
    return pytest.param(name, marks=[absent, *marks])


#: Every one of them, as parameters of a fixture or a test. One is enough for a quick look.
SERVERS = [
    _parameter("lighttpd"),
    _parameter("apache", pytest.mark.slow),
    _parameter("fcgiwrap", pytest.mark.slow),
    _parameter("embedded", pytest.mark.slow),
]


@dataclass
class Site:
    """A project that is being served, and the store with its exchanges."""

    server: str
    serving: Serving
    store: Store

    def raw(self, data: bytes) -> bytes:
        """What comes back for these very bytes until the server closes the connection."""
        with socket.create_connection((self.serving.host, self.serving.port), timeout=60) as connection:
            # A server that refuses a request may close before it has read all of it.
            with suppress(ConnectionError):
                connection.sendall(data)
            answer = b""
            with suppress(ConnectionError):
                while data := connection.recv(65536):
                    answer += data
        return answer

    def ask(self, target: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
        """One request on a connection of its own."""
        lines = (f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers)
        return self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def recorded(self, mark: str) -> Exchange:
        """The finished exchange whose query is ``mark``."""
        found = until(
            lambda: [one for one in self.store.page() if one.query == mark and one.state == FINISHED],
            f"{mark} was not recorded",
        )
        exchange = self.store.get(found[0].id)
        assert exchange is not None
        return exchange


@contextmanager
def site(server: str, folder: Path, *arguments: str, project: Path = PROJECT, **more: str) -> Iterator[Site]:
    """``project`` served by ``server`` under CGI, with its .gateway folder in ``folder``."""
    url = f"sqlite:///{folder}/exchanges.sqlite3"
    environment = {"GATEWAY_FOLDER": str(folder), "GATEWAY_STORE": url, "GATEWAY_ENABLED": "1"}
    # Each request imports everything: it is quicker where the bytecode is kept.
    environment |= {"PYTHONDONTWRITEBYTECODE": "", **more}
    with Serving(project, "--cgi", "--server", server, *arguments, port="0", panel=False, **environment) as serving:
        until(lambda: listens(serving))
        store = open_store(url)
        try:
            yield Site(server, serving, store)
        finally:
            store.close()


def events(exchange: Exchange, prefix: str = "") -> list[list[Any]]:
    """The trail in the order of time."""
    return sorted((event for event in exchange.trail if event[0].startswith(prefix)), key=lambda event: event[1])


def fields(exchange: Exchange, name: str) -> list[Any]:
    """What follows the name and the instant of the only event of that name."""
    (found,) = events(exchange, name)
    return list(found[2:])


def environment_of(exchange: Exchange) -> dict[str, Any]:
    assert exchange.handover is not None
    assert exchange.handover.kind == "environ"
    return dict(exchange.handover.entries)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[0] == "Z"
    return True
