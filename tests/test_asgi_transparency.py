"""Whatever an ASGI application does, its server sees the same with the recorder between them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from asgi_applications import END, START, Broken, answers
from recorders import (
    REQUEST,
    Recorded,
    connected,
    entries,
    names,
    scope,
    serve_asgi,
    strictly,
)


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    with strictly():
        yield Recorded()


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
        def __await__(self) -> Generator[None, None, None]:
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
