"""Applications, scopes and messages that are not what the specification says, or say it oddly."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction

from asgi_applications import END, START, answers
from django_gateway.recording import faults
from recorders import (
    REQUEST,
    Connection,
    Recorded,
    entries,
    names,
    raised,
    scope,
    serve_asgi,
    strictly,
)


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with strictly():
        yield Recorded()


# Awkward applications


class ByClass:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await answers(scope, receive, send)


class OldStyle:
    """ASGI 2: called with the scope first."""

    def __init__(self, scope: Any) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await answers(self.scope, receive, send)


@markcoroutinefunction
def future(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
    """No coroutine, and yet to be awaited."""
    return asyncio.ensure_future(answers(scope, receive, send))


@pytest.mark.parametrize("application", [ByClass(), OldStyle, future, functools.partial(answers)])
async def test_whatever_can_be_called(recorded: Recorded, application: Any) -> None:
    connection = await serve_asgi(recorded.asgi(application))
    assert raised(connection) is None
    assert connection.body == b"done"
    assert recorded.only.status == 200


async def test_headers_that_can_be_read_once_reach_the_server(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": (pair for pair in [(b"x-one", b"1")])})
        await send(END)

    connection = await serve_asgi(recorded.asgi(application))
    assert list(connection.sent[0]["headers"]) == [(b"x-one", b"1")]
    assert recorded.only.headers == [["", "<generator>"]]


async def test_headers_of_a_scope_that_can_be_read_once_reach_the_application(recorded: Recorded) -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    await serve_asgi(recorded.asgi(application), scope(headers=iter([(b"x-one", b"1")])))
    assert seen == [(b"x-one", b"1")]


AWKWARD: list[dict[Any, Any]] = [
    {},
    {"type": "http"},
    {"type": "unheard-of", "path": "/"},
    {"type": None},
    {"type": ["http"]},
    {**scope(), "client": ("127.0.0.1", "51514"), "server": ("127.0.0.1", "8000")},
    {**scope(), "client": None, "server": ("/run/app.sock", None)},
    {**scope(), "client": "127.0.0.1"},
    {**scope(), "headers": None},
    {**scope(), "headers": [["a", "b"], (b"x",), None, 7]},
    {**scope(), "path": b"/bytes", "query_string": "text", "method": 7},
    {**scope(), "path": "/\ud800", "query_string": b"\xff\xfe", "raw_path": None},
    {**scope(), 7: "a number", b"bytes": b"\xff", "object": object(), "nested": {"a": [{"b": {"c": {}}}]}},
]


@pytest.mark.parametrize("given", AWKWARD, ids=range(len(AWKWARD)))
async def test_awkward_scopes_reach_the_application_and_make_no_fault(
    recorded: Recorded, given: dict[str, Any]
) -> None:
    copy = dict(given)
    reached: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)
        await answers(scope, receive, send)

    connection = await serve_asgi(recorded.asgi(application), given)
    assert raised(connection) is None
    assert reached == [given]
    assert given == copy
    assert faults.count == 0
    assert len(recorded) == (given.get("type") == "http")


async def test_ports_that_are_strings(recorded: Recorded) -> None:
    await serve_asgi(recorded.asgi(answers), scope(client=("10.0.0.7", "51514"), server=("10.0.0.1", "8000")))
    assert recorded.only.client == "10.0.0.7:51514"
    assert entries(recorded.only)["client"] == ["10.0.0.7", "51514"]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": None},
        {"type": "http.response.trailers", "headers": [], "more_trailers": False},
        {"type": "http.response.pathsend", "path": "/tmp/a"},
        {"type": "lifespan.unheard"},
        {"type": "websocket.send", "text": "on http"},
        {"type": "django.view.started"},
        {"type": "http.response.start"},
        {"type": "http.response.start", "status": "200", "headers": None},
        {"type": "http.response.body", "body": None, "more_body": None},
        {"type": "http.response.body", "body": "text"},
        {"type": "http.response.body", "body": memoryview(b"view")},
    ],
    ids=str,
)
async def test_awkward_messages_pass_and_leave_the_trail_readable(recorded: Recorded, message: dict[str, Any]) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(message)
        await send(END)

    connection = Connection(recorded.asgi(application), scope(), message)
    await asyncio.wait([connection.task])
    assert raised(connection) is None
    assert connection.received[0] is message
    assert connection.sent == [message, END]
    assert faults.count == 0
    assert names(recorded.only)[-1] == "http.response.body"
    assert len(recorded.only.trail) == 3
    status = message.get("status")
    assert recorded.only.status == (status if isinstance(status, int) else None)


async def test_a_wrapped_application_inside_another_makes_one_exchange(recorded: Recorded) -> None:
    connection = await serve_asgi(recorded.asgi(recorded.asgi(answers)))
    assert connection.body == b"done"
    assert recorded.only.sizes.chunks == 1


async def test_two_requests_in_one_task_are_two_exchanges(recorded: Recorded) -> None:
    """Servers serve a connection's requests one after the other in one context."""
    application = recorded.asgi(answers)
    for _ in range(2):
        await application(scope(), lambda: asyncio.sleep(0, dict(REQUEST)), lambda message: asyncio.sleep(0))
    assert len(recorded) == 2


async def test_a_task_that_outlives_its_request_changes_nothing(recorded: Recorded) -> None:
    gate = asyncio.Event()
    tasks: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)

        async def late() -> None:
            await gate.wait()
            await send(END)

        tasks.append(asyncio.ensure_future(late()))

    connection = await serve_asgi(recorded.asgi(application))
    before = recorded.only
    gate.set()
    await tasks[0]
    assert connection.body == b"done"
    assert recorded.only == before
