"""Whatever an ASGI application does, its server sees the same with the recorder between them."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import markcoroutinefunction

from django_gateway.exchange import Close, Exchange
from django_gateway.recording import faults
from recorders import (
    REQUEST,
    Connection,
    Recorded,
    connected,
    entries,
    frames,
    names,
    raised,
    scope,
    serve_asgi,
    strictly,
    until_async,
)

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
END = {"type": "http.response.body", "body": b"done"}


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with strictly():
        yield Recorded()


class Broken(Exception):
    pass


async def answers(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(START)
    await send(END)


# Messages, awaits, exceptions


async def test_messages_are_passed_by_identity_both_ways(recorded: Recorded) -> None:
    seen: list[Any] = []
    start, end = dict(START), dict(END)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(await receive())
        await send(start)
        await send(end)

    message = dict(REQUEST)
    async with connected(recorded.asgi(application), scope(), message) as client:
        await client.task
    assert seen[0] is message
    assert client.sent[0] is start
    assert client.sent[1] is end


async def test_the_scope_is_passed_by_identity(recorded: Recorded) -> None:
    given = scope()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope is given
        scope["path"] = "/changed"
        scope["headers"].append((b"x-added", b"later"))
        scope["user"] = object()
        await answers(scope, receive, send)

    await serve_asgi(recorded.asgi(application), given)
    handover = entries(recorded.only)
    assert recorded.only.path == handover["path"] == "/"
    assert handover["headers"] == [["host", "testserver"]]
    assert "user" not in handover


async def test_what_the_application_returns_is_returned(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> str:
        return "something"

    wrapped = recorded.asgi(application)
    # The specification knows no result, and nobody is to miss one.
    assert await wrapped(scope(), None, None) is None  # type: ignore[func-returns-value,arg-type]


async def test_send_waits_as_long_as_the_server_does(recorded: Recorded) -> None:
    gate = asyncio.Event()
    progress: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        progress.append("start")
        await send(START)
        progress.append("sent")
        await send(END)

    async def slow(message: Any) -> None:
        await gate.wait()

    task = asyncio.ensure_future(recorded.asgi(application)(scope(), None, slow))  # type: ignore[arg-type]
    for _ in range(20):
        await asyncio.sleep(0)
    assert progress == ["start"]
    gate.set()
    await task
    assert progress == ["start", "sent"]
    start = next(event for event in recorded.only.trail if event[0] == "http.response.start")
    _, at, status, returned = start
    assert status == 200
    assert returned > at


async def test_receive_is_asked_when_the_application_asks(recorded: Recorded) -> None:
    asked: list[int] = []

    async def receive() -> Any:
        asked.append(1)
        return REQUEST

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert asked == []
        await receive()
        assert asked == [1]

    await recorded.asgi(application)(scope(), receive, lambda message: asyncio.sleep(0))
    assert asked == [1]


@pytest.mark.parametrize("error", [Broken("oh"), KeyError("k"), asyncio.CancelledError("by hand"), GeneratorExit()])
async def test_exceptions_leave_by_identity(recorded: Recorded, error: BaseException) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise error

    caught = None
    try:
        await recorded.asgi(application)(scope(), None, None)  # type: ignore[arg-type]
    except BaseException as raised:
        caught = raised
    assert caught is error
    assert len(recorded) == 1


async def test_an_error_of_send_reaches_the_application_as_it_is(recorded: Recorded) -> None:
    error = OSError("the client is gone")
    seen: list[BaseException] = []

    async def send(message: Any) -> None:
        raise error

    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(START)
        except OSError as caught:
            seen.append(caught)

    await recorded.asgi(application)(scope(), None, send)  # type: ignore[arg-type]
    assert seen == [error]
    assert recorded.only.failure is None
    assert [event[2:] for event in recorded.only.trail] == [[200, None]]


async def test_cancellation_arrives_where_the_application_waits(recorded: Recorded) -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
        except asyncio.CancelledError as error:
            seen.append(error.args)
            raise

    async with connected(recorded.asgi(application), scope()) as client:
        await asyncio.sleep(0)
        client.task.cancel("the server stops")
        await asyncio.wait([client.task])
    assert client.task.cancelled()
    assert seen == [("the server stops",)]
    assert names(recorded.only) == ["asgi.cancelled"]
    assert recorded.only.failure is None


async def test_an_application_may_refuse_to_be_cancelled(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
        except asyncio.CancelledError:
            await send(START)
            await send(END)

    async with connected(recorded.asgi(application), scope()) as client:
        await asyncio.sleep(0)
        client.task.cancel()
        await asyncio.wait([client.task])
    assert not client.task.cancelled()
    assert client.body == b"done"


async def test_a_timeout_inside_the_application_is_its_own(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            async with asyncio.timeout(0):
                await receive()
        except TimeoutError:
            await answers(scope, lambda: asyncio.sleep(0, REQUEST), send)

    async with connected(recorded.asgi(application), scope()) as client:
        await client.task
    assert client.body == b"done"


@pytest.mark.parametrize("collected", [False, True])
def test_a_loop_that_stops_closes_what_is_left(recorded: Recorded, collected: bool) -> None:
    """The coroutine is closed from outside its task and its context, as a dying loop and the collector do."""
    closed: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
        finally:
            closed.append("finally")

    class Forever:
        def __await__(self) -> Iterator[None]:
            yield

    async def receive() -> Any:
        await Forever()

    def begin() -> Any:
        coroutine: Any = recorded.asgi(application)(scope(), receive, None)  # type: ignore[arg-type]
        coroutine.send(None)
        return coroutine

    coroutine = contextvars.copy_context().run(begin)
    if collected:
        del coroutine
        gc.collect()
    else:
        coroutine.close()
    assert closed == ["finally"]
    assert len(recorded) == 1
    assert recorded.only.failure is None


async def test_contextvars_set_inside_are_seen_outside_and_the_other_way_round(recorded: Recorded) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("server")

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert variable.get() == "server"
        variable.set("application")
        await answers(scope, receive, send)

    async def receive() -> Any:
        assert variable.get() == "application"
        variable.set("receive")
        return REQUEST

    seen: list[str] = []

    async def send(message: Any) -> None:
        seen.append(variable.get())

    await recorded.asgi(application)(scope(), receive, send)
    assert variable.get() == seen[0] == "receive"


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


AWKWARD = [
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


# What is told of it


async def test_events_sizes_and_steps(recorded: Recorded) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send(START)
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        await send(END)

    messages = [{"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.request", "body": b"d"}]
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
        f"{__name__}.Broken",
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
