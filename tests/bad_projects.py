"""Projects that get something wrong, and one request of each with and without the recorder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from typing import Any, cast

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

import recorders
from django_gateway.document import document
from django_gateway.exchange import FINISHED, Exchange
from recorders import recorded_process, serve

BOTH = pytest.mark.parametrize("interface", ["wsgi", "asgi"])
HERE = __name__


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
