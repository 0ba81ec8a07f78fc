"""Planted secrets, searched for in everything that is kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

import recorders
from django_gateway.concealment import HIDDEN
from django_gateway.document import document
from django_gateway.stores import Capacity
from django_gateway.stores.sqlite import SQLiteStore
from django_gateway.vocabulary import WORDS
from recorders import Recorded, connected, entries, recorded_process, scope, serve, serve_asgi

SECRET = "s3cr3t-Value"


# Planted secrets, searched for in everything that is kept


def leaks(request: HttpRequest, password: str) -> HttpResponse:
    response = HttpResponse("fine")
    response["Location"] = f"https://ada:{SECRET}@example.org/#access_token={SECRET}"
    response["X-Api-Key"] = SECRET
    response.set_cookie("sessionid", SECRET)
    response.set_cookie("theme", SECRET)
    return response


urlpatterns = [path("leaks/<slug:password>", leaks)]


def planted_environ() -> dict[str, Any]:
    return recorders.environ(
        "/leaks/word",
        f"page=1&token={SECRET}&next=%2F%3Fapi_key%3D{SECRET}",
        HTTP_COOKIE=f"sessionid={SECRET}; theme={SECRET}",
        HTTP_AUTHORIZATION=f"Basic {SECRET}",
        HTTP_REFERER=f"https://testserver/?password={SECRET}",
        HTTP_X_CSRFTOKEN=SECRET,
        DATABASE_URL=f"postgres://ada:{SECRET}@db/shop",
        DJANGO_SECRET_KEY=SECRET,
        SMTP_PASSWORD=SECRET,
        REQUEST_URI=f"/leaks/?token={SECRET}",
        state={"session": {"user": SECRET}},
    )


def stored_bytes(folder: Path) -> bytes:
    files = sorted(folder.glob("exchanges.sqlite3*"))
    assert {file.suffix for file in files} >= {".sqlite3", ".sqlite3-wal"}
    return b"".join(file.read_bytes() for file in files)


def kept_somewhere(recorded: Recorded, store: SQLiteStore, folder: Path) -> bytes:
    """The bytes of every file of the store, and of every document, of what was recorded."""
    exchanges = recorded.exchanges
    assert exchanges
    store.write([store.pack(exchange) for exchange in exchanges])
    documents = json.dumps([document(exchange) for exchange in exchanges], ensure_ascii=False).encode()
    return stored_bytes(folder) + documents


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "exchanges.sqlite3", Capacity())
    yield store
    store.close()


def test_no_secret_of_a_wsgi_request_is_kept(store: SQLiteStore, tmp_path: Path) -> None:
    with override_settings(ROOT_URLCONF=__name__), recorded_process() as recorded:
        from django.core.handlers.wsgi import WSGIHandler

        # Often enough that everything that repeats has become a word.
        for _ in range(4):
            answered = serve(recorded.wsgi(WSGIHandler()), planted_environ())
            assert answered.status == "200 OK"
            assert any(SECRET in value for _, value in answered.headers)
    kept = kept_somewhere(recorded, store, tmp_path)
    assert SECRET.encode() not in kept
    assert quote(SECRET).encode() not in kept
    assert SECRET not in repr([WORDS.word(number) for number in range(256, 256 + len(WORDS.words))])
    exchange = recorded.exchanges[-1]
    assert exchange.match is not None
    assert exchange.match.arguments == [f"password={HIDDEN}"]
    assert entries(exchange)["HTTP_COOKIE"] == f"sessionid={HIDDEN}; theme={HIDDEN}"
    assert b"page=1" in kept


async def test_no_secret_of_an_asgi_request_is_kept(store: SQLiteStore, tmp_path: Path) -> None:
    headers = [
        (b"host", b"testserver"),
        (b"cookie", f"sessionid={SECRET}".encode()),
        (b"cookie", f"theme={SECRET}".encode()),
        (b"authorization", f"Bearer {SECRET}".encode()),
        (b"referer", f"https://testserver/?token={SECRET}".encode()),
        (b"x-api-key", SECRET.encode()),
    ]
    given = scope(
        "/leaks/word",
        f"token={SECRET}",
        headers=headers,
        raw_path=f"/leaks/word?token={SECRET}".encode(),
        state={"db_password": SECRET},
        session={"user": SECRET},
    )
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]), recorded_process() as recorded:
        from django.core.handlers.asgi import ASGIHandler

        for _ in range(4):
            connection = await serve_asgi(recorded.asgi(ASGIHandler()), given)
            assert connection.status == 200
    kept = kept_somewhere(recorded, store, tmp_path)
    assert SECRET.encode() not in kept
    assert given["headers"] is headers
    assert SECRET in repr(given)


async def test_no_secret_of_a_message_is_kept(store: SQLiteStore, tmp_path: Path) -> None:
    texts = [json.dumps({"token": SECRET, "text": "hello"}), f"user=ada&password={SECRET}"]
    recorded = Recorded(body_bytes=1000)

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"set-cookie", f"sessionid={SECRET}".encode())]})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})

    messages: list[dict[str, Any]] = [{"type": "websocket.receive", "text": text} for text in texts]
    messages += [{"type": "websocket.receive", "bytes": text.encode()} for text in texts]
    connect, disconnect = {"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}
    async with connected(recorded.asgi(echo), scope(type="websocket"), connect, *messages, disconnect) as client:
        await client.task
    kept = kept_somewhere(recorded, store, tmp_path)
    assert SECRET.encode() not in kept
    assert SECRET.encode().hex(" ").encode() not in kept
    assert b"hello" in kept


def test_a_traceback_keeps_no_local_variable(store: SQLiteStore, tmp_path: Path) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        password = environ["HTTP_X_PASSWORD"]
        raise ValueError(f"{len(password)} characters")

    recorded = Recorded()
    serve(recorded.wsgi(application), recorders.environ(HTTP_X_PASSWORD=SECRET))
    kept = kept_somewhere(recorded, store, tmp_path)
    assert SECRET.encode() not in kept
    assert b"12 characters" in kept


def test_what_is_not_hidden() -> None:
    """The documentation says so: a path, an exception's message and a line of code have no names to go by."""

    def application(environ: Any, start_response: Any) -> Any:
        raise ValueError("s3cr3t-Value")

    recorded = Recorded()
    serve(recorded.wsgi(application), recorders.environ(f"/reset/{SECRET}"))
    exchange = recorded.only
    assert exchange.path == f"/reset/{SECRET}"
    assert exchange.failure is not None
    assert exchange.failure.message == SECRET
    assert SECRET in exchange.failure.frames[-1].code


def test_the_file_is_searched_as_it_lies(store: SQLiteStore, tmp_path: Path) -> None:
    """The test above would see a secret if one were there."""
    recorded = Recorded()
    serve(recorded.wsgi(lambda environ, start_response: [b""]), recorders.environ(f"/{SECRET}"))
    assert SECRET.encode() in kept_somewhere(recorded, store, tmp_path)
    with sqlite3.connect(tmp_path / "exchanges.sqlite3") as connection:
        assert connection.execute("SELECT exchanges FROM arrival").fetchone() == (1,)
    connection.close()
