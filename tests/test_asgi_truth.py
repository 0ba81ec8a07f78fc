"""What is told of an ASGI conversation is what happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from asgi_applications import END, START, Broken, answers
from django_gateway.exchange import Close, Exchange
from recorders import (
    REQUEST,
    Connection,
    Recorded,
    connected,
    frames,
    names,
    raised,
    scope,
    serve_asgi,
    strictly,
    until_async,
)


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with strictly():
        yield Recorded()


# What is told of it


async def test_events_sizes_and_steps(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send(START)
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        await send(END)

    first: dict[str, Any] = {"type": "http.request", "body": b"abc", "more_body": True}
    messages = [first, {"type": "http.request", "body": b"d"}]
    async with connected(recorded.asgi(application), scope("/a", "b=c"), *messages) as client:
        await client.task
    exchange = recorded.only
    assert [event[0] for event in exchange.trail] == [
        "http.request",
        "http.request",
        "http.response.start",
        "http.response.body",
        "http.response.body",
    ]
    assert [event[2:4] for event in exchange.trail][:2] == [[3, True], [1, False]]
    assert (exchange.method, exchange.path, exchange.query, exchange.status) == ("GET", "/a", "b=c", 200)
    assert exchange.client == "127.0.0.1:51514"
    sizes = exchange.sizes
    assert (sizes.request_bytes, sizes.body_bytes, sizes.chunks) == (4, 9, 2)
    assert exchange.loop is not None
    # One for the beginning, one after sleep(0).
    assert exchange.loop.steps == 2
    assert exchange.duration == exchange.loop.running + exchange.loop.suspended


async def test_the_longest_step_is_how_long_others_were_kept_waiting(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.02)
        time.sleep(0.05)  # noqa: ASYNC251 - it is the fault that is measured
        await asyncio.sleep(0)
        await answers(scope, receive, send)

    await serve_asgi(recorded.asgi(application))
    loop = recorded.only.loop
    assert loop is not None
    assert loop.longest_step >= 50_000_000
    assert loop.running >= loop.longest_step
    assert loop.suspended >= 20_000_000


async def test_a_failure_says_what_was_raised_after_which_event(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        raise Broken("in the middle")

    connection = await serve_asgi(recorded.asgi(application))
    assert isinstance(raised(connection), Broken)
    failure = recorded.only.failure
    assert failure is not None
    assert (failure.type, failure.message, failure.where) == (
        "asgi_applications.Broken",
        "in the middle",
        "http.response.start",
    )
    assert failure.frames[-1].function == "application"
    assert not [frame for frame in failure.frames if "django_gateway" in frame.file]


async def test_what_escapes_came_through_the_applications_frames(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise Broken

    connection = await serve_asgi(recorded.asgi(application))
    assert frames(raised(connection))[-1] == (__file__, "application")


# WebSockets


async def talk(recorded: Recorded, application: Any, *messages: Any, **options: Any) -> tuple[Connection, Exchange]:
    connect = {"type": "websocket.connect"}
    async with connected(recorded.asgi(application), scope(type="websocket", **options), connect, *messages) as client:
        await until_async(client.task.done)
    return client, recorded.only


async def chat(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-chat", b"1")]})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})


async def test_a_conversation(recorded: Recorded) -> None:
    _, exchange = await talk(
        recorded,
        chat,
        {"type": "websocket.receive", "text": "schön"},
        {"type": "websocket.receive", "bytes": b"\x00\x01"},
        {"type": "websocket.disconnect", "code": 1001, "reason": "gone away"},
    )
    assert exchange.type == "websocket"
    assert exchange.status == 101
    assert exchange.headers == [["x-chat", "1"]]
    assert exchange.method is None
    assert exchange.close == Close(1001, "client", "gone away")
    assert [[event[0], *event[2:5]] for event in exchange.trail if event[0] == "websocket.receive"] == [
        ["websocket.receive", "text", 6, None],
        ["websocket.receive", "binary", 2, None],
    ]
    assert (exchange.sizes.received, exchange.sizes.sent) == (2, 2)
    assert (exchange.sizes.request_bytes, exchange.sizes.body_bytes) == (8, 8)
    assert names(exchange) == [
        "websocket.connect",
        "websocket.accept",
        "websocket.receive",
        "websocket.send",
        "websocket.receive",
        "websocket.send",
        "websocket.disconnect",
    ]


async def test_the_application_closes(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4000, "reason": "enough"})
        await receive()

    _, exchange = await talk(recorded, application, {"type": "websocket.disconnect", "code": 4000})
    assert exchange.close == Close(4000, "application", "enough")
    assert exchange.status == 101


async def test_the_application_refuses(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close"})

    _, exchange = await talk(recorded, application)
    assert exchange.close == Close(1000, "application", "")
    assert exchange.status == 403


async def test_the_application_refuses_with_a_response_of_its_own(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"who are you?"})

    _, exchange = await talk(recorded, application, extensions={"websocket.http.response": {}})
    assert exchange.status == 401
    assert [event[2] for event in exchange.trail if event[0] == "http.response.other"] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]


async def test_the_application_raises(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise Broken("as asked")

    client, exchange = await talk(recorded, application)
    assert isinstance(raised(client), Broken)
    assert exchange.close == Close(1011, "server", "")
    assert exchange.failure is not None


async def test_excerpts_of_messages_where_they_are_asked_for() -> None:
    recorded = Recorded(body_bytes=12)
    _, exchange = await talk(
        recorded,
        chat,
        {"type": "websocket.receive", "text": "a long message of text"},
        {"type": "websocket.receive", "bytes": b"\xff\x00\x01"},
        {"type": "websocket.receive", "bytes": b"text as bytes, all of it"},
        {"type": "websocket.disconnect", "code": 1000},
    )
    assert [event[4] for event in exchange.trail if event[0] == "websocket.receive"] == [
        "a long messa",
        "ff 00 01",
        "text as byte",
    ]


# Lifespan


@pytest.mark.parametrize("failed", [False, True])
async def test_a_lifespan(recorded: Recorded, failed: bool) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if failed:
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    given = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    async with connected(recorded.asgi(application), given, *messages) as client:
        await client.task
    exchange = recorded.only
    assert exchange.type == "lifespan"
    if failed:
        assert names(exchange) == ["lifespan.startup", "lifespan.startup.failed"]
        assert exchange.trail[1][2] == "no database"
    else:
        assert names(exchange) == [
            "lifespan.startup",
            "lifespan.startup.complete",
            "lifespan.shutdown",
            "lifespan.shutdown.complete",
        ]


async def test_requests_during_a_lifespan_are_exchanges_of_their_own(recorded: Recorded) -> None:
    """Some servers serve requests in tasks that the lifespan's context was copied to."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await asyncio.ensure_future(served(wrapped))
        else:
            await answers(scope, receive, send)

    async def served(application: Callable[..., Any]) -> None:
        await application(scope(), lambda: asyncio.sleep(0, REQUEST), lambda message: asyncio.sleep(0))

    wrapped = recorded.asgi(application)
    await wrapped({"type": "lifespan"}, SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]
    assert [exchange.type for exchange in recorded.exchanges] == ["http", "lifespan"]
