"""Each server under gatewayserve: their command lines, and what tests ask of them."""

from __future__ import annotations

import http.client
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from django_gateway import servers
from django_gateway.exchange import IN_FLIGHT, Exchange
from django_gateway.stores import open_store
from serving import Serving, Site, environment, until

EVERY = {
    "cheroot": "--server cheroot",
    "gunicorn": "--wsgi --server gunicorn",
    "gunicorn-threads": "--server gunicorn --threads 4",
    "gunicorn-asgi": "--asgi --server gunicorn",
    "granian": "--wsgi --server granian",
    "granian-asgi": "--asgi --server granian",
    "hypercorn": "--server hypercorn",
    "uvicorn": "--server uvicorn",
    "uwsgi": "--server uwsgi",
    "waitress": "--server waitress",
}
every = pytest.mark.parametrize(
    "arguments", [pytest.param(each.split(), marks=pytest.mark.slow) for each in EVERY.values()], ids=list(EVERY)
)


def those(option: str) -> list[list[str]]:
    """The command lines of servers that have a common option."""
    found = [each.split() for each in (*EVERY.values(), "--server daphne")]
    return [each for each in found if option in servers.get(each[each.index("--server") + 1]).can]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


def get_from(connection: http.client.HTTPConnection, path: str) -> str:
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200
        return response.read().decode()
    finally:
        connection.close()


@contextmanager
def short_folder() -> Iterator[str]:
    """A folder whose path leaves room in a Unix socket's address, which pytest's may not."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gw") as folder:
        yield folder


def recorded(site: Site, path: str) -> Exchange:
    """The newest exchange with that path, once it is there."""
    store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
    try:
        found = until(lambda: [one for one in store.page() if one.path == path and one.state != IN_FLIGHT])[0]
        exchange = store.get(found.id)
        assert exchange is not None
        return exchange
    finally:
        store.close()


def refused(folder: Path, *arguments: str) -> str:
    """What it says in place of serving."""
    done = subprocess.run(
        [*Serving(folder).command[:3], "--nopanel", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    return done.stderr
