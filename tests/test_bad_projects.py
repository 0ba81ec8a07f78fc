"""Projects that get something wrong: each behaves as it does without us, and its exchange says what happened."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

import recorders
from bad_projects import (
    BOTH,
    HERE,
    NeitherMode,
    Raises,
    RaisesAfterwards,
    RaisesInInit,
    ReturnsNone,
    ReturnsText,
    SaysAsyncAndIsSync,
    Swaps,
    _ended,
    asked,
    compared,
    factory_of_nothing,
    function_without_wrapper,
    of_here,
)
from chains import AsyncClass, NotUsed, SyncClass, async_function, here, sync_function
from django_gateway.document import document
from django_gateway.exchange import FINISHED
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
