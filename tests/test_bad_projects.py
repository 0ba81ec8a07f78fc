"""Projects that get something wrong: each behaves as it does without us, and its exchange says what happened."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from typing import Any, cast

import pytest
from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

import recorders
from chains import AsyncClass, NotUsed, SyncClass, async_function, here, sync_function
from django_gateway.document import document
from django_gateway.exchange import FINISHED, Exchange
from recorders import recorded_process, serve

BOTH = pytest.mark.parametrize("interface", ["wsgi", "asgi"])
pytestmark = pytest.mark.filterwarnings(
    "ignore:StreamingHttpResponse must consume:Warning",
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore:async_to_sync was passed:UserWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
HERE = __name__


@pytest.fixture(scope="module", autouse=True)
def complaints_stay_here() -> Iterator[None]:
    """What nobody awaited or closed is collected before another module's tests would hear of it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


# Middleware


def of_here(*kinds: Any) -> list[str]:
    return [f"{HERE}.{kind.__name__}" for kind in kinds]


class ReturnsNone:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> None:
        self.get_response(request)


class ReturnsText(ReturnsNone):
    def __call__(self, request: HttpRequest) -> Any:
        return "text"


class Swaps(ReturnsNone):
    def __call__(self, request: HttpRequest) -> Any:
        self.get_response(request)
        return HttpResponse("swapped", status=299, headers={"X-Swapped": "1"})


class Raises(ReturnsNone):
    def __call__(self, request: HttpRequest) -> None:
        raise LookupError("in the middleware")


class RaisesAfterwards(ReturnsNone):
    def __call__(self, request: HttpRequest) -> None:
        self.get_response(request)
        raise LookupError("after the view")


def function_without_wrapper(get_response: Any) -> Any:
    return lambda request: get_response(request)  # noqa: PLW0108


def factory_of_nothing(get_response: Any) -> None:
    return None


class NeitherMode(ReturnsNone):
    sync_capable = async_capable = False


class RaisesInInit:
    def __init__(self, get_response: Any) -> None:
        raise LookupError("in __init__")


class SaysAsyncAndIsSync(ReturnsNone):
    """Promises what it does not keep."""

    async_capable = True
    sync_capable = False

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)


# Views


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


async def async_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("async")


def unawaited(request: HttpRequest) -> Any:
    """A coroutine by mistake."""
    return async_view(request)


def nothing(request: HttpRequest) -> None:
    return None


def text(request: HttpRequest) -> str:
    return "text"


def broken_stream(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        yield b"first"
        raise LookupError("in the iterator")

    async def achunks() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("in the iterator")

    return StreamingHttpResponse(achunks() if hasattr(request, "scope") else chunks())


def endless(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            _ended.append(True)

    async def achunks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more"
                await asyncio.sleep(0)
        finally:
            _ended.append(True)

    return StreamingHttpResponse(achunks() if hasattr(request, "scope") else chunks())


def odd_chunks(request: HttpRequest) -> HttpResponse:
    response = HttpResponse()
    response._container = [_ODD]  # type: ignore[attr-defined]
    return response


_ended: list[bool] = []
_ODD = object()
urlpatterns = [
    path("plain/", plain),
    path("async/", async_view),
    path("unawaited/", unawaited),
    path("nothing/", cast("Any", nothing)),
    path("text/", cast("Any", text)),
    path("broken/", broken_stream),
    path("endless/", endless),
    path("odd/", odd_chunks),
]

Outcome = tuple[Any, ...]


def asked(interface: str, where: str, middleware: list[str], recording: bool) -> tuple[Outcome, list[Exchange]]:
    """What the server and the log saw of one request, and the exchange of it."""
    records: list[tuple[str, str, str]] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            records.append((record.name, record.getMessage(), repr(error)))

    listening = Listening()
    logging.getLogger("django").addHandler(listening)
    try:
        with (
            override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=middleware),
            recorded_process(strict=where != "/odd/") if recording else nullcontext() as recorded,
        ):
            seen = _under_wsgi(where, recorded) if interface == "wsgi" else asyncio.run(_under_asgi(where, recorded))
    finally:
        logging.getLogger("django").removeHandler(listening)
    return (*seen, records), recorded.exchanges if recorded is not None else []


def _under_wsgi(where: str, recorded: Any) -> Outcome:
    try:
        application: Any = WSGIHandler()
    except Exception as error:
        return "not built", type(error), str(error)
    application = recorded.wsgi(application) if recorded is not None else application
    answered = serve(application, recorders.environ(where))
    return answered.status, answered.headers, answered.chunks, repr(answered.error)


async def _under_asgi(where: str, recorded: Any) -> Outcome:
    try:
        application: Any = ASGIHandler()
    except Exception as error:
        return "not built", type(error), str(error)
    connection = await recorders.serve_asgi(
        recorded.asgi(application) if recorded is not None else application, recorders.scope(where)
    )
    return connection.sent, repr(connection.task.exception())


def compared(interface: str, where: str, middleware: list[str]) -> Exchange:
    """The exchange, once it is sure that nobody saw a difference."""
    bare, _ = asked(interface, where, middleware, recording=False)
    told, exchanges = asked(interface, where, middleware, recording=True)
    assert told == bare
    (exchange,) = exchanges
    assert exchange.state == FINISHED
    assert document(exchange)["id"]
    return exchange


@BOTH
@pytest.mark.parametrize("view", ["plain", "async"])
@pytest.mark.parametrize(
    "middleware",
    [
        here(sync_function),
        here(async_function),
        here(SyncClass),
        here(AsyncClass),
        of_here(function_without_wrapper),
        here(NotUsed),
        here(NotUsed, AsyncClass, SyncClass, NotUsed),
    ],
    ids=str,
)
def test_middleware_of_every_kind(interface: str, middleware: list[str], view: str) -> None:
    exchange = compared(interface, f"/{view}/", middleware)
    assert exchange.status == 200
    assert exchange.failure is None
    built = document(exchange)["chain"]["layers"]
    assert [layer["used"] for layer in built] == [not name.endswith("NotUsed") for name in middleware]


@BOTH
@pytest.mark.parametrize(
    ("middleware", "failure"),
    [
        (ReturnsNone, "AttributeError"),
        (ReturnsText, "AttributeError"),
        (Raises, "LookupError"),
        (RaisesAfterwards, "LookupError"),
        (SaysAsyncAndIsSync, None),
    ],
)
@pytest.mark.parametrize("around", [[], here(SyncClass), here(async_function)], ids=["alone", "in sync", "in async"])
def test_middleware_that_is_wrong(interface: str, middleware: Any, failure: str | None, around: list[str]) -> None:
    exchange = compared(interface, "/plain/", [*around, *of_here(middleware)])
    if failure is not None:
        assert exchange.failure is not None
        assert exchange.failure.type == failure


@BOTH
def test_a_response_that_is_swapped(interface: str) -> None:
    exchange = compared(interface, "/plain/", of_here(Swaps))
    assert exchange.status == 299
    (header,) = (each for each in document(exchange)["response"]["headers"] if each["name"] == "X-Swapped")
    assert header["origin"] == f"{HERE}.Swaps"


@BOTH
@pytest.mark.parametrize(
    ("middleware", "error"),
    [(factory_of_nothing, ImproperlyConfigured), (RaisesInInit, LookupError), (NeitherMode, RuntimeError)],
)
def test_a_chain_that_cannot_be_built(interface: str, middleware: Any, error: type[Exception]) -> None:
    bare, _ = asked(interface, "/plain/", of_here(middleware), recording=False)
    told, exchanges = asked(interface, "/plain/", of_here(middleware), recording=True)
    assert told == bare
    assert told[:2] == ("not built", error)
    assert exchanges == []


@BOTH
@pytest.mark.parametrize(
    ("where", "failure", "words"),
    [
        ("/unawaited/", "ValueError", "unawaited coroutine"),
        ("/nothing/", "ValueError", "returned None"),
        ("/text/", "AttributeError", "status_code"),
    ],
)
@pytest.mark.parametrize("middleware", [[], here(SyncClass), here(AsyncClass)], ids=["none", "sync", "async"])
def test_views_that_return_no_response(
    interface: str, where: str, failure: str, words: str, middleware: list[str]
) -> None:
    exchange = compared(interface, where, middleware)
    if exchange.failure is None:
        assert where == "/text/"  # Django itself takes it as far as the server
        return
    assert exchange.failure.type == failure or where == "/text/"
    if where != "/text/":
        assert words in exchange.failure.message
        assert exchange.status == 500


@BOTH
@pytest.mark.parametrize("where", ["/broken/", "/odd/"])
def test_a_body_that_breaks(interface: str, where: str) -> None:
    exchange = compared(interface, where, [])
    if where == "/broken/":
        assert exchange.failure is not None
        assert (exchange.failure.type, exchange.failure.handled) == ("LookupError", False)
        assert exchange.status == 200
        assert exchange.sizes.body_bytes == len(b"first")


@pytest.mark.parametrize("recording", [False, True])
def test_a_body_that_never_ends_under_wsgi(recording: bool) -> None:
    _ended.clear()
    with (
        override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=[]),
        recorded_process() if recording else nullcontext() as recorded,
    ):
        handler: Any = WSGIHandler()
        application = recorded.wsgi(handler) if recorded is not None else handler
        answered = recorders.Answered()
        iterable: Any = application(recorders.environ("/endless/"), answered.start_response)
        chunks = iter(iterable)
        assert [next(chunks) for _ in range(3)] == [b"more"] * 3
        if recorded is not None:
            assert len(recorded) == 0
        iterable.close()  # the client has left
        assert _ended == [True]
    if recorded is not None:
        assert recorded.only.state == FINISHED
        assert recorded.only.sizes.chunks == 3


@pytest.mark.parametrize("recording", [False, True])
async def test_a_body_that_never_ends_under_asgi(recording: bool) -> None:
    _ended.clear()
    with (
        override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=[]),
        recorded_process() if recording else nullcontext() as recorded,
    ):
        handler: Any = ASGIHandler()
        application = recorded.asgi(handler) if recorded is not None else handler
        async with recorders.connected(application, recorders.scope("/endless/"), recorders.REQUEST) as connection:
            await connection.wait_sent(4)
            connection.put(recorders.DISCONNECT)
            await recorders.until_async(connection.task.done)
            assert connection.task.exception() is None
        assert _ended == [True]
    if recorded is not None:
        assert recorded.only.state == FINISHED
        names = recorders.names(recorded.only)
        assert "http.disconnect" in names
        assert recorded.only.sizes.chunks >= 3


# Applications of other kinds


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
