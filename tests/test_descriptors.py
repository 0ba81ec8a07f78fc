"""The file descriptor of a request's connection: what each server lets be seen, against what the process itself finds."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers import wsgi

from django_gateway import documented
from django_gateway.exchange import Exchange, parse_id
from django_gateway.interfaces import descriptors
from django_gateway.stores import open_store
from serving import Serving, Site, until

LimitedStream: Any = wsgi.LimitedStream

VIEW = """

def sockets(request):
    import json, socket, stat
    found = {}
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as one:
                if one.family == socket.AF_INET:
                    found[number] = one.getpeername()[1]
        except OSError:  # it listens, or is gone
            continue
    return HttpResponse(json.dumps(found))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("site"))
    site.write("mysite/views.py", site.read("mysite/views.py") + VIEW)
    site.edit("mysite/urls.py", "views.events,", "views.events, views.sockets,")
    return site


def asked(site: Site, *arguments: str) -> tuple[Exchange, list[int], int]:
    """The exchange, the descriptors that its connection really had while it was served, and the server's port."""
    with Serving(site.folder, *arguments, "--noreload", "--skip-checks") as serving:
        with closing(serving.connect()) as connection:
            connection.request("GET", "/sockets/")
            port = connection.sock.getsockname()[1]
            response = connection.getresponse()
            peers = json.loads(response.read())
        number = parse_id(response.headers["X-Gateway-Exchange"])
        assert number is not None
        store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
        exchange = until(lambda: store.get(number))
        store.close()
    assert exchange is not None
    return exchange, [int(number) for number, peer in peers.items() if peer == port], serving.port


TELLING = {
    "django": ["--wsgi"],
    "gunicorn": ["--server", "gunicorn"],
    "uwsgi": ["--server", "uwsgi"],
    "daphne": ["--asgi"],
    "uvicorn": ["--server", "uvicorn"],
}
SILENT = {"waitress": ["--server", "waitress"], "hypercorn": ["--server", "hypercorn"]}


@pytest.mark.slow
@pytest.mark.parametrize("arguments", TELLING.values(), ids=list(TELLING))
def test_servers_that_let_it_be_seen(site: Site, arguments: list[str]) -> None:
    exchange, real, port = asked(site, *arguments)
    assert exchange.descriptor in real
    told = documented.socket(exchange)
    assert told is not None
    assert told["local"].endswith(f":{port}")
    assert told["peer"].startswith("127.0.0.1")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", SILENT.values(), ids=list(SILENT))
def test_servers_that_do_not(site: Site, arguments: list[str]) -> None:
    exchange, real, port = asked(site, *arguments)
    assert real
    told = documented.socket(exchange)
    assert told is not None
    assert told["local"].endswith(f":{port}")
    assert exchange.descriptor is None


@pytest.fixture
def pair() -> Iterator[socket.socket]:
    one, other = socket.socketpair()
    with one, other:
        yield one


def test_readers_of_a_socket(pair: socket.socket, tmp_path: Path) -> None:
    with pair.makefile("rb") as reader:
        for stream in (reader, LimitedStream(reader, 10)):
            assert descriptors.of_environ({"wsgi.input": stream}) == pair.fileno()
    (tmp_path / "body").write_bytes(b"")
    with (tmp_path / "body").open("rb") as file:
        streams: list[Any] = [
            file,
            LimitedStream(file, 10),
            io.BytesIO(),
            LimitedStream(io.BytesIO(), 1),
            None,
            object(),
        ]
        assert {descriptors.of_environ({"wsgi.input": stream}) for stream in streams} == {None}
    assert descriptors.of_environ({}) is None


def test_what_is_closed_has_none(pair: socket.socket) -> None:
    with pair.makefile("rb") as reader:
        pass
    assert descriptors.of_environ({"wsgi.input": reader}) is None
    pair.close()
    assert descriptors.of_environ({"gunicorn.socket": pair}) is None


async def send(message: Any) -> None:
    pass


@pytest.mark.parametrize("given", [send, None, partial(send), partial(send, 1), partial(send, io.BytesIO())])
def test_other_callables_have_none(given: Any) -> None:
    assert descriptors.of_send(given) is None
