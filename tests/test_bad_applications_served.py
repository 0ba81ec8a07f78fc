"""Applications that get the interface wrong, on real servers: the same bytes with the recorder and without."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import connect

import recorders
from django_gateway.document import document
from django_gateway.exchange import FINISHED, Exchange
from django_gateway.stores import open_store
from serving import DEADLINE, Serving, Site, until

WSGI = """
import sys


def twice(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    start_response("201 Created", [("Content-Type", "text/html")])
    return [b"twice"]


def corrected(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        raise LookupError("too late for a 200")
    except LookupError:
        start_response("500 Oops", [("Content-Type", "text/plain"), ("Content-Length", "5")], sys.exc_info())
    return [b"sorry"]


def too_late(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"sent")
    try:
        raise LookupError("nobody can help")
    except LookupError:
        start_response("500 Oops", [], sys.exc_info())
    return [b"sorry"]


def never(environ, start_response):
    return [b"no head"]


def broken(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def chunks():
        yield b"first"
        raise LookupError("in the iterator")

    return chunks()


def coroutine(environ, start_response):
    async def forgotten():
        pass

    start_response("200 OK", [("Content-Type", "text/plain")])
    return forgotten()


def nothing(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])


def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)
"""
ASGI = """
async def start(send, status=200, length=None):
    headers = [(b"content-type", b"text/plain")]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def body(send, data, more=False):
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def twice(send):
    await start(send, length=5)
    await body(send, b"first")
    await start(send, 201)
    await body(send, b"second")


async def starts_twice(send):
    await start(send, length=5)
    await start(send, 201)
    await body(send, b"which")


async def after_the_end(send):
    await start(send, length=5)
    await body(send, b"whole")
    await body(send, b"more")


async def no_head(send):
    await body(send, b"no head")


async def nothing(send):
    pass


async def broken(send):
    raise LookupError("before anything")


async def unknown(send):
    await send({"type": "http.unheard.of"})


async def socket_after_close(send):
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4001})
    await send({"type": "websocket.send", "text": "too late"})


async def socket_before_accept(send):
    await send({"type": "websocket.send", "text": "too early"})


async def socket_broken(send):
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "first"})
    raise LookupError("in the middle")


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    await receive()
    await globals()[scope["path"].strip("/")](send)
"""
APPLICATIONS = {"--wsgi": WSGI, "--asgi": ASGI}
PATHS = {
    kind: re.findall(r"^(?:async )?def ((?!application|start\b|body\b)\w+)\(", text, re.MULTILINE)
    for kind, text in APPLICATIONS.items()
}
SERVERS = {
    "django": ["--wsgi"],
    "gunicorn": ["--wsgi", "--server", "gunicorn"],
    "daphne": ["--asgi"],
    "uvicorn": ["--asgi", "--server", "uvicorn"],
}
#: What is another each time.
VARYING = re.compile(rb"(?im)^date: .*?\r$|127\.0\.0\.1:\d+")


def answer(serving: Serving, path: str) -> bytes:
    """All that came until the server closed."""
    with socket.create_connection((serving.host, serving.port), DEADLINE) as connection:
        connection.sendall(f"GET /{path}/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        found = b""
        try:
            while data := connection.recv(65_536):
                found += data
        except ConnectionResetError:
            found += b"(reset)"
    return VARYING.sub(b"", found)


def conversation(serving: Serving, path: str) -> list[Any]:
    found: list[Any] = []
    try:
        with connect(f"{serving.url.replace('http', 'ws')}{path}/", open_timeout=DEADLINE) as websocket:
            while True:
                found.append(websocket.recv(timeout=DEADLINE))
    except InvalidMessage:
        found.append("no answer")
    except InvalidStatus as refused:
        found.append(refused.response.status_code)
    except ConnectionClosed as closed:
        found.append(closed.rcvd and closed.rcvd.code)
    return found


def ask(serving: Serving, paths: list[str]) -> dict[str, Any]:
    return {path: (conversation if path.startswith("socket_") else answer)(serving, path) for path in paths}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("bad"))
    for kind, text in APPLICATIONS.items():
        made.write(f"bad{kind[2:]}.py", text)
    return made


def recorded(folder: Path, paths: list[str]) -> dict[str, Exchange]:
    store = open_store(f"sqlite:///{folder}/.gateway/exchanges.sqlite3")

    def finished() -> dict[str, int]:
        found = {
            one.path.strip("/"): one.id for one in store.page() if one.state == FINISHED and one.type != "lifespan"
        }
        return found if found.keys() == set(paths) else {}

    try:
        numbers = until(finished, "not all were recorded")
        found = {path: store.get(number) for path, number in numbers.items()}
        store.clear()
        return {path: exchange for path, exchange in found.items() if exchange is not None}
    finally:
        store.close()


LOOKUP, TYPE, ASSERTION, ANY, NONE = "LookupError", "TypeError", "AssertionError", "", None
#: By application: the exception that the exchange tells of, where every server makes it the same one, and how often an
#: event is in it, refused or not.
TOLD: dict[str, tuple[str | None, str, int]] = {
    "wsgi twice": (ASSERTION, "wsgi.start_response", 2),
    "wsgi corrected": (NONE, "wsgi.start_response", 2),
    "wsgi too_late": (LOOKUP, "wsgi.start_response", 2),
    "wsgi never": (NONE, "wsgi.start_response", 0),
    "wsgi broken": (LOOKUP, "wsgi.body", 1),
    "wsgi coroutine": (TYPE, "wsgi.body", 0),
    "wsgi nothing": (TYPE, "wsgi.body", 0),
    "asgi twice": (ANY, "http.response.start", 2),
    "asgi starts_twice": (ANY, "http.response.start", 2),
    "asgi after_the_end": (ANY, "http.response.body", 2),
    "asgi no_head": (ANY, "http.response.body", 1),
    "asgi nothing": (NONE, "http.response.start", 0),
    "asgi broken": (LOOKUP, "http.response.start", 0),
    "asgi unknown": (ANY, "http.response.other", 1),
    "asgi socket_after_close": (ANY, "websocket.send", 1),
    "asgi socket_before_accept": (ANY, "websocket.send", 1),
    "asgi socket_broken": (LOOKUP, "websocket.send", 1),
}
#: Daphne leaves the client of these waiting; after the first of them that of every other whose application fails.
WAITING = {"daphne": {"starts_twice", "nothing"}}
STATUS = {"twice": 200, "starts_twice": 200, "after_the_end": 200, "corrected": 500, "too_late": 200, "never": None}


@pytest.mark.parametrize("server", SERVERS)
def test_the_same_with_and_without(site: Site, server: str) -> None:
    kind, *_ = arguments = SERVERS[server]
    paths = [path for path in PATHS[kind] if path not in WAITING.get(server, ())]
    assert {f"{kind[2:]} {path}" for path in PATHS[kind]} == {key for key in TOLD if key.startswith(kind[2:])}
    command = [*arguments, "--noreload", "--application", f"bad{kind[2:]}:application"]
    with Serving(site.folder, *command, GATEWAY_ENABLED="0") as serving:
        bare = ask(serving, paths)
    with Serving(site.folder, *command, GATEWAY_ENABLED="1") as serving:
        told = ask(serving, paths)
        exchanges = recorded(site.folder, paths)
    assert told == bare
    for path, exchange in exchanges.items():
        failure, event, times = TOLD[f"{kind[2:]} {path}"]
        if failure != ANY:
            assert (exchange.failure and exchange.failure.type) == failure, path
        assert recorders.names(exchange).count(event) == times, path
        assert exchange.status == STATUS.get(path, exchange.status), path
        assert document(exchange)["id"]
