"""Applications that get the interface itself wrong behave as without us, and their exchange says what happened."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from channels.generic.websocket import AsyncWebsocketConsumer

import recorders
from bad_projects import Outcome
from recorders import recorded_process

pytestmark = pytest.mark.filterwarnings(
    "ignore:StreamingHttpResponse must consume:Warning",
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore:async_to_sync was passed:UserWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(scope="module", autouse=True)
def complaints_stay_here() -> Iterator[None]:
    """What nobody awaited or closed is collected before another module's tests would hear of it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def starts_twice(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    start_response("201 Created", [("Content-Type", "text/html")])
    return [b"twice"]


def starts_again_with_an_error(environ: Any, start_response: Any) -> Any:
    import sys

    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        raise LookupError("too late for a 200")
    except LookupError:
        start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"sorry"]


def never_starts(environ: Any, start_response: Any) -> Any:
    return [b"no head"]


def strict_server(application: Any) -> Outcome:
    """As wsgiref's handlers do it: a second start_response without exc_info is an error of the application's."""
    started: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], Any]:
        if started and exc_info is None:
            raise AssertionError("Headers already set!")
        started.append((status, headers))
        return lambda data: None

    try:
        return started, list(application(recorders.environ(), start_response)), None
    except Exception as error:
        return started, None, repr(error)


@pytest.mark.parametrize(
    ("application", "events", "failure"),
    [(starts_twice, 2, "AssertionError"), (starts_again_with_an_error, 2, None), (never_starts, 0, None)],
)
def test_start_response_twice_or_never(application: Any, events: int, failure: str | None) -> None:
    with recorded_process() as recorded:
        told = strict_server(recorded.wsgi(application))
    assert told == strict_server(application)
    exchange = recorded.only
    starts = [event for event in exchange.trail if event[0] == "wsgi.start_response"]
    assert events - 1 <= len(starts) <= events
    assert (exchange.failure.type if exchange.failure else None) == failure
    assert exchange.status == {starts_twice: 200, starts_again_with_an_error: 500, never_starts: None}[application]


class SendsAfterClose(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.close(4001)
        await self.send("too late")


async def answers_twice(scope: Any, receive: Any, send: Any) -> None:
    for status in (200, 201):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})


async def strict_connection(application: Any, scope: Any, *messages: Any) -> Outcome:
    """As servers do it: what comes after the end of an answer or a connection is an error."""
    connection = recorders.Connection(application, scope, *messages)
    kept = connection.send
    over = False

    async def send(message: Any) -> None:
        nonlocal over
        if over:
            raise RuntimeError(f"Unexpected ASGI message {message['type']!r}, after the end.")
        await kept(message)
        over = message["type"] == "websocket.close" or (
            message["type"] == "http.response.body" and not message.get("more_body")
        )

    connection.send = send  # type: ignore[method-assign]
    await recorders.until_async(connection.task.done)
    return connection.sent, repr(connection.task.exception())


@pytest.mark.django_db(transaction=True)
async def test_sends_after_close() -> None:
    consumer: Any = SendsAfterClose.as_asgi()
    cases = [
        (consumer, recorders.scope("/ws/", type="websocket"), {"type": "websocket.connect"}),
        (answers_twice, recorders.scope(), recorders.REQUEST),
    ]
    bare = [await strict_connection(application, *more) for application, *more in cases]
    assert all("after the end" in str(outcome[-1]) for outcome in bare)
    with recorded_process() as recorded:
        told = [await strict_connection(recorded.asgi(application), *more) for application, *more in cases]
    assert told == bare
    websocket, http = recorded.exchanges
    for exchange in (websocket, http):
        assert exchange.failure is not None
        assert "after the end" in exchange.failure.message
    assert websocket.close is not None
    assert (websocket.close.code, websocket.close.by) == (4001, "application")
    assert http.status == 200
    assert recorders.names(http, "http.response") == [
        "http.response.start",
        "http.response.body",
        "http.response.start",
    ]
