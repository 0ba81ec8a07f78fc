"""Streams on real servers, with a client that reads slowly or leaves: what is told of them is what the client did."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from django_gateway import phases
from django_gateway.cut_short import cut_short
from django_gateway.document import document
from django_gateway.exchange import FINISHED, IN_FLIGHT, Exchange
from django_gateway.panel.pauses import pauses
from django_gateway.panel.timeline import read
from django_gateway.stores import open_store
from serving import DEADLINE, Serving, Site, until

CHUNK = 64 * 1024
CHUNKS = 400
#: How long the client reads nothing, in seconds.
PAUSE = 0.5
BODIES = ("wsgi.body", "http.response.body")

VIEWS = """
import os
import time

from asgiref.sync import sync_to_async
from django.http import HttpResponse, StreamingHttpResponse


def progress(number):
    with open("progress", "w") as file:
        file.write(str(number))


def large(request):
    def chunks():
        for number in range({CHUNKS}):
            progress(number)
            yield b"x" * {CHUNK}

    async def achunks():
        for chunk in chunks():
            yield chunk

    return StreamingHttpResponse(achunks() if hasattr(request, "scope") else chunks())


def work():
    open("begun", "w").close()
    end = time.monotonic() + 60
    while not os.path.exists("go") and time.monotonic() < end:
        time.sleep(0.01)


async def anywhere(request):
    await sync_to_async(work, thread_sensitive=False)()
    return HttpResponse("unread")


async def own_thread(request):
    await sync_to_async(work)()
    return HttpResponse("unread")
"""
URLS = """
from django.urls import path

from . import views

urlpatterns = [path(f"{view.__name__}/", view) for view in (views.large, views.anywhere, views.own_thread)]
"""
SERVERS = {
    "django": ["--wsgi"],
    "gunicorn": ["--wsgi", "--server", "gunicorn"],
    "uvicorn": ["--asgi", "--server", "uvicorn"],
    "daphne": ["--asgi"],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("streams"))
    made.write("mysite/views.py", VIEWS.replace("{CHUNKS}", str(CHUNKS)).replace("{CHUNK}", str(CHUNK)))
    made.write("mysite/urls.py", URLS)
    made.settings("ROOT_URLCONF = 'mysite.urls'\nINSTALLED_APPS = ['django_gateway']\nMIDDLEWARE = []")
    return made


@contextmanager
def served(site: Site, server: str) -> Iterator[tuple[Serving, Callable[[str, str], list[Exchange]]]]:
    """The server, and the exchanges in a state with a path."""
    for name in ("progress", "begun", "go"):
        Path(site.folder, name).unlink(missing_ok=True)
    with Serving(site.folder, *SERVERS[server], "--noreload") as serving:
        store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
        store.clear()

        def found(path: str, state: str) -> list[Exchange]:
            numbers = [one.id for one in store.page() if one.path == path and one.state == state]
            return [exchange for exchange in map(store.get, numbers) if exchange is not None]

        try:
            yield serving, found
        finally:
            Path(site.folder, "go").touch()
            store.close()


def request(serving: Serving, path: str) -> socket.socket:
    connection = socket.create_connection((serving.host, serving.port), DEADLINE)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {serving.host}\r\nConnection: close\r\n\r\n".encode())
    return connection


def stuck(site: Site) -> bool:
    """Whether the view has made nothing for a while, and is not through."""
    progress = Path(site.folder, "progress")
    if not progress.exists():
        return False
    before = progress.read_text()
    time.sleep(PAUSE)
    return before == progress.read_text() not in ("", str(CHUNKS - 1))


# Daphne hands everything to its transport at once, whatever the client does.
@pytest.mark.parametrize("server", ["django", "gunicorn", "uvicorn"])
def test_a_client_that_reads_slowly(site: Site, server: str) -> None:
    with served(site, server) as (serving, found):
        with request(serving, "/large/") as connection:
            until(lambda: stuck(site), "the server took it all")
            # The clock that events are told by: one for all processes.
            began = time.perf_counter_ns()
            time.sleep(PAUSE)
            ended = time.perf_counter_ns()
            while connection.recv(1024 * 1024):
                pass
        exchange = until(lambda: found("/large/", FINISHED), "it was not recorded")[0]
    took = {event.at + exchange.started: wait for event, wait in pauses(read(exchange)).items()}
    # While it read nothing, one chunk was with the server; no other had anything to do with it.
    (longest,) = [at for at, wait in took.items() if at <= began and ended <= at + wait]
    assert took[longest] >= PAUSE * 1e9
    sizes = [event.fields["size"] for event in phases.happenings(exchange) if event.name in BODIES]
    assert [size for size in sizes if size] == [CHUNK] * CHUNKS
    assert exchange.sizes.body_bytes == CHUNK * CHUNKS
    assert cut_short(exchange) == []
    # The first byte was out long before.
    first = next(event.at for event in phases.happenings(exchange) if event.name in BODIES)
    assert exchange.started + first < began
    assert exchange.duration is not None
    assert exchange.duration > first + PAUSE * 1e9


@pytest.mark.parametrize("server", ["django", "gunicorn"])
def test_a_client_that_leaves_a_stream_under_wsgi(site: Site, server: str) -> None:
    with served(site, server) as (serving, found):
        with request(serving, "/large/") as connection:
            assert connection.recv(100)
        exchange = until(lambda: found("/large/", FINISHED), "it was not recorded")[0]
    assert [(step.kind, step.event) for step in cut_short(exchange)] == [("noticed", "wsgi.abandoned")]
    assert 0 < exchange.sizes.chunks < CHUNKS


def kinds(exchange: Exchange) -> list[tuple[Any, Any]]:
    return [(step["kind"], step["name"]) for step in document(exchange)["cut_short"]]


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
@pytest.mark.parametrize("view", ["anywhere", "own_thread"])
def test_a_client_that_leaves_while_a_function_works_in_a_thread(site: Site, server: str, view: str) -> None:
    path = f"/{view}/"

    def noticed(exchanges: list[Exchange]) -> bool:
        return any(step[0] == "ran_on" for exchange in exchanges for step in kinds(exchange))

    with served(site, server) as (serving, found):
        with request(serving, path):
            until(Path(site.folder, "begun").exists, "the function was not called")
        # In the request's own thread it is waited for; elsewhere nobody does.
        state = IN_FLIGHT if view == "own_thread" else FINISHED
        until(lambda: noticed(found(path, state)), "nobody noticed")
        Path(site.folder, "go").touch()
        exchange = until(lambda: found(path, FINISHED), "it did not end")[0]
    told = kinds(exchange)
    assert told[0] == ("noticed", None)
    assert ("cancelled", "mysite.views.work") in told
    assert ("cancelled", f"mysite.views.{view}") in told
    (ran_on,) = (step for step in cut_short(exchange) if step.kind == "ran_on")
    assert (ran_on.name, ran_on.until is None) == ("mysite.views.work", view == "anywhere")
