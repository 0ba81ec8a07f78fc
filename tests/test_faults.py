"""Whatever of the recorder's own fails, the answer goes out as if nothing were there, and the fault is counted."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

import recorders
from chains import LISTS
from django_gateway import failures, process, vocabulary
from django_gateway.clocks import ThreadClock
from django_gateway.instrument import crossings, view
from django_gateway.interfaces import asgi, wsgi, wsgi_handover
from django_gateway.middleware import GatewayMiddleware
from django_gateway.recording import Recording, faults
from django_gateway.redaction import Redactor
from django_gateway.stores.memory import MemoryStore
from django_gateway.vocabulary import Vocabulary
from recorders import Recorded, connected, recorded_process, scope, serve, serve_asgi

pytestmark = pytest.mark.django_db


class Internal(Exception):
    """An error of the recorder's own, made by these tests."""


#: Where an error may strike while requests are served: owner, name, and the interfaces that come by there.
PLACES: list[tuple[Any, str, str]] = [
    (Recording, "__init__", "wsgi asgi websocket"),
    (Recording, "begun", "wsgi asgi websocket"),
    (Recording, "note", "wsgi asgi websocket"),
    (Recording, "_fail", "failing"),
    (Recording, "last_event", "failing"),
    (Recording, "finish", "wsgi asgi websocket"),
    (Recording, "exchange", "wsgi asgi websocket"),
    (failures, "_message", "failing"),
    (failures, "calls", "failing"),
    (Redactor, "environ", "wsgi"),
    (Redactor, "_environ_entry", "wsgi"),
    (Redactor, "scope", "asgi websocket"),
    (Redactor, "headers", "wsgi asgi websocket"),
    (Redactor, "_header", "wsgi asgi websocket"),
    (Redactor, "query", "wsgi asgi websocket"),
    (Redactor, "is_secret", "wsgi asgi websocket"),
    (Redactor, "excerpt", "websocket"),
    (Redactor, "_keep", "wsgi asgi websocket"),
    (Vocabulary, "word", "wsgi asgi"),
    (vocabulary, "spread", "wsgi asgi"),
    (ThreadClock, "start", "wsgi"),
    (ThreadClock, "since", "wsgi"),
    (wsgi, "begin", "wsgi"),
    (wsgi_handover, "_server", "wsgi"),
    (wsgi, "_returned_word", "wsgi"),
    (wsgi, "_is_server_file", "wsgi"),
    (asgi, "begin", "asgi websocket"),
    (asgi, "running_server", "asgi websocket"),
    (asgi.Conversation, "__init__", "asgi websocket"),
    (asgi.Conversation, "_received", "asgi websocket"),
    (asgi.Conversation, "_payload", "websocket"),
    (asgi, "Steps", "asgi websocket"),
    (asgi, "Handover", "asgi websocket"),
    (wsgi_handover, "Handover", "wsgi"),
    (view, "_match", "wsgi asgi"),
    (view, "_known", "wsgi asgi"),
    (view, "shortened", "template"),
    (crossings, "_word", "asgi"),
    (crossings, "get_ident", "asgi"),
    (MemoryStore, "pack", "wsgi asgi websocket"),
    (MemoryStore, "write", "wsgi asgi websocket"),
]


def named(place: tuple[Any, str, str]) -> str:
    return f"{getattr(place[0], '__name__', place[0])}.{place[1]}"


def places(interface: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", [p for p in PLACES if interface in p[2].split()], ids=named)


struck: list[str] = []


def strike(monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str, str]) -> None:
    owner, name, _ = place
    struck.clear()

    def fail(*args: Any, **kwargs: Any) -> Any:
        struck.append(name)
        raise Internal(name)

    monkeypatch.setattr(owner, name, fail)


@pytest.fixture(autouse=True)
def leftovers() -> Iterator[None]:
    """A recording that was cut short ends with its objects: here, and not in a later test."""
    yield
    gc.collect(1)


FILE = {"wsgi.file_wrapper": __import__("wsgiref.util").util.FileWrapper}


def wsgi_answers(application: Any, *paths: str) -> list[Any]:
    found = []
    for path in paths:
        answered = serve(application, recorders.environ(path, "a=1&token=b", HTTP_COOKIE="a=b", **FILE))
        found.append((answered.status, answered.headers, answered.chunks, answered.error))
    return found


def asgi_answers(application: Any, *paths: str) -> list[Any]:
    async def ask() -> list[Any]:
        connections = [await serve_asgi(application, scope(path, "a=1&token=b")) for path in paths]
        return [(connection.sent, recorders.raised(connection)) for connection in connections]

    return asyncio.run(ask())


def check(recorded: Recorded) -> None:
    assert struck, "the place was not come by"
    assert faults.count >= 1
    assert faults.last is not None
    assert "Internal" in faults.last
    if struck[0] != "finish":
        assert recorded.recorder.in_flight == {}


def project() -> Any:
    return override_settings(ROOT_URLCONF="chains", MIDDLEWARE=LISTS["classes"])


@places("wsgi")
def test_under_wsgi(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with project():
        bare = wsgi_answers(WSGIHandler(), "/sync/", "/async/", "/failing/", "/nowhere/", "/sync/")
        with recorded_process(strict=False) as recorded:
            application = recorded.wsgi(WSGIHandler())
            wsgi_answers(application, "/sync/")
            strike(monkeypatch, place)
            assert wsgi_answers(application, "/sync/", "/async/", "/failing/", "/nowhere/", "/sync/") == bare
            monkeypatch.undo()
            check(recorded)
            # And once it works again, it records again.
            gc.collect()
            before = len(recorded)
            wsgi_answers(application, "/sync/")
            assert len(recorded) == before + 1


@places("asgi")
def test_under_asgi(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with project():
        bare = asgi_answers(ASGIHandler(), "/sync/", "/async/", "/failing-async/", "/nowhere/", "/sync/")
        with recorded_process(strict=False) as recorded:
            application = recorded.asgi(ASGIHandler())
            asgi_answers(application, "/sync/")
            strike(monkeypatch, place)
            assert asgi_answers(application, "/sync/", "/async/", "/failing-async/", "/nowhere/", "/sync/") == bare
            monkeypatch.undo()
            check(recorded)
            gc.collect()
            before = len(recorded)
            asgi_answers(application, "/sync/")
            assert len(recorded) == before + 1


@places("failing")
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_while_a_failure_is_recorded(interface: str, place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Any = {"wsgi": wsgi_answers, "asgi": asgi_answers}[interface]
    handler: Any = {"wsgi": WSGIHandler, "asgi": ASGIHandler}[interface]
    with project():
        bare = answers(handler(), "/failing/", "/failing-async/")
        with recorded_process(strict=False) as recorded:
            application = getattr(recorded, interface)(handler())
            strike(monkeypatch, place)
            assert answers(application, "/failing/", "/failing-async/") == bare
            monkeypatch.undo()
            check(recorded)
            assert [exchange.status for exchange in recorded.exchanges] == [500, 500]


@places("template")
def test_while_a_template_is_rendered(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with recorded_process(strict=False) as recorded:
        application = recorded.wsgi(WSGIHandler())
        strike(monkeypatch, place)
        answered = serve(application, recorders.environ("/about/"))
        monkeypatch.undo()
        assert answered.status == "200 OK"
        check(recorded)
        assert recorded.only.status == 200


@places("websocket")
def test_on_a_websocket(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(body_bytes=10)

    async def chat(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"a", b"b")]})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
        await send({"type": "websocket.close"})

    async def talk(application: Any) -> list[Any]:
        messages: list[dict[str, Any]] = [
            {"type": "websocket.receive", "text": "{}"},
            {"type": "websocket.receive", "bytes": b"a"},
        ]
        connect, disconnect = {"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}
        given = scope("/ws/", "a=1&token=b", type="websocket")
        async with connected(application, given, connect, *messages, disconnect) as client:
            await client.task
        return client.sent

    bare = asyncio.run(talk(chat))
    with recorders.strictly(False):
        application = recorded.asgi(chat)
        asyncio.run(talk(application))
        strike(monkeypatch, place)
        assert asyncio.run(talk(application)) == bare
        monkeypatch.undo()
        check(recorded)


def test_a_chunk_or_a_write_that_cannot_be_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])(b"written")
        return (chunk for chunk in (b"a", b"b"))

    recorded = Recorded()
    with recorders.strictly(False):
        strike(monkeypatch, (Recording, "note", ""))
        answered = serve(recorded.wsgi(application))
        assert answered.body == b"writtenab"
        assert serve(recorded.wsgi(lambda environ, start_response: [b"a", b"b"])).chunks == [b"a", b"b"]
        assert faults.count == 5
    assert [exchange.sizes.body_bytes for exchange in recorded.exchanges] == [9, 2]


def test_the_middleware_passes_on_what_it_cannot_record(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = ["django_gateway.middleware.GatewayMiddleware", *LISTS["classes"]]
    for place in [(Redactor, "headers", ""), (wsgi, "begin", ""), (Recording, "finish", ""), (asgi, "begin", "")]:
        with (
            override_settings(ROOT_URLCONF="chains", MIDDLEWARE=listed, GATEWAY={"ENABLED": True}),
            recorded_process(instrumented=False, strict=False) as recorded,
        ):
            synchronous, asynchronous = WSGIHandler(), ASGIHandler()
            strike(monkeypatch, place)
            assert serve(synchronous, recorders.environ("/sync/")).body == b"sync"
            assert asyncio.run(serve_asgi(asynchronous, scope("/async/"))).body == b"async"
            monkeypatch.undo()
            check(recorded)
    assert GatewayMiddleware.sync_capable


def test_without_a_recorder_the_handler_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that cannot be read, a store that cannot be opened."""
    with project(), recorded_process(strict=False):
        synchronous, asynchronous = WSGIHandler(), ASGIHandler()
        strike(monkeypatch, (process, "recorder", ""))
        assert serve(synchronous, recorders.environ("/sync/")).body == b"sync"
        assert asyncio.run(serve_asgi(asynchronous, scope("/async/"))).body == b"async"
        assert faults.count == 2


def test_strict_tests_see_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded()
    strike(monkeypatch, (Redactor, "environ", ""))
    with recorders.strictly():
        answered = serve(recorded.wsgi(lambda environ, start_response: []))
        assert isinstance(answered.error, Internal)
        faults.count = 0  # it was seen


def test_faults_are_counted_and_the_last_is_named() -> None:
    with recorders.strictly(False):
        faults.note(ValueError("first"))
        faults.note(KeyError("second"))
        assert faults.count == 2
        assert faults.last == "KeyError: 'second'"
