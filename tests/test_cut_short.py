"""Disconnects and cancellations as a trail: who noticed, what was cancelled, what ran on; in JSON and in words."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

import chains
import recorders
from django_gateway.cut_short import CANCELLED, cut_short
from django_gateway.document import document
from django_gateway.exchange import Exchange
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from django_gateway.vocabulary import WORDS, expand
from exchange_pages import page, text_of
from panels import installed
from recorders import DISCONNECT, REQUEST, connected, recorded_process, until_async

HERE = __name__
BOTH = [[], chains.here(chains.SyncClass, chains.async_function)]


class Gate:
    """A function that works until it is told to stop, whoever waits for it."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()
        self.ended = threading.Event()

    def work(self) -> None:
        self.began.set()
        assert self.go.wait(recorders.DEADLINE)
        self.ended.set()


gate = Gate()


def work() -> None:
    gate.work()


async def anywhere(request: HttpRequest) -> HttpResponse:
    await sync_to_async(work, thread_sensitive=False)()
    return HttpResponse("unread")


async def own_thread(request: HttpRequest) -> HttpResponse:
    await sync_to_async(work)()
    return HttpResponse("unread")


def sync_view(request: HttpRequest) -> HttpResponse:
    work()
    return HttpResponse("unread")


async def waiting(request: HttpRequest) -> HttpResponse:
    gate.began.set()
    await asyncio.sleep(recorders.DEADLINE)
    return HttpResponse("unread")


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        gate.began.set()
        await asyncio.sleep(recorders.DEADLINE)

    return StreamingHttpResponse(chunks())


def sync_stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"first", b"second", b"third"]))


def generated(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        yield b"first"
        yield b"second"

    return StreamingHttpResponse(chunks())


def raising(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        yield b"first"
        raise LookupError

    return StreamingHttpResponse(chunks())


urlpatterns = [
    path(f"{view.__name__}/", view)
    for view in (anywhere, own_thread, sync_view, waiting, stream, sync_stream, generated, raising)
]


# A task that is cancelled leaves the file of the request's body open: so does Django 5.2.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module", autouse=True)
def complaints_stay_here() -> Iterator[None]:
    """What nobody closed is collected before another module's tests would hear of it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(f"{HERE}.gate", Gate())
    yield
    gate.go.set()


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def told(store: Store, tmp_path: Path) -> Iterator[Callable[..., str]]:
    with installed(store, tmp_path) as client:

        def read(exchange: Exchange, tab: str = "response") -> str:
            recorders.keep(store, exchange)
            return text_of(page(client, exchange, tab))

        yield read


async def left(where: str, middleware: list[str], *, outlived: bool = False) -> Exchange:
    """A client that leaves while the view is at work; its work ends after that, or after the exchange."""
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=middleware), recorded_process() as recorded:

        def cancelled() -> bool:
            flying = [expand(recording.exchange(), WORDS) for recording in list(recorded.recorder.in_flight.values())]
            return any(step.kind == CANCELLED for exchange in flying for step in cut_short(exchange))

        def go_on() -> None:
            recorders.until(lambda: cancelled() or recorded.exchanges)
            gate.go.set()

        # Not on the loop, which waits for the threads of a request that is over.
        beside = threading.Thread(target=go_on)
        async with connected(recorded.asgi(ASGIHandler()), recorders.scope(where), REQUEST) as connection:
            await until_async(gate.began.is_set)
            if not outlived:
                beside.start()
            connection.put(DISCONNECT)
            await until_async(connection.task.done)
            if outlived:
                beside.start()
        beside.join()
        return recorded.only


def steps(exchange: Exchange) -> list[tuple[str, str, str | None]]:
    found = cut_short(exchange)
    assert [step.at for step in found] == sorted(step.at for step in found)
    as_data = document(exchange)["cut_short"]
    assert [(each["kind"], each["event"]) for each in as_data] == [(step.kind, step.event) for step in found]
    return [(step.kind, step.event, step.name) for step in found]


NOTICED = ("noticed", "http.disconnect", None)


@pytest.mark.parametrize("middleware", BOTH, ids=["bare", "adapted"])
async def test_a_function_that_ran_on_and_outlived_its_request(middleware: list[str], told: Any) -> None:
    exchange = await left("/anywhere/", middleware, outlived=True)
    assert steps(exchange) == [
        NOTICED,
        ("cancelled", "crossing.to_thread", f"{HERE}.work"),
        ("ran_on", "crossing.to_thread", f"{HERE}.work"),
        ("cancelled", "django.view.failed", f"{HERE}.anywhere"),
        ("cancelled", "django.cancelled", "run_get_response"),
    ]
    assert cut_short(exchange)[2].until is None
    assert exchange.status is None
    text = told(exchange)
    assert "The application was told that the client is gone." in text
    assert f"{HERE}.anywhere was cancelled." in text
    assert f"{HERE}.work was still at work in " in text
    assert "Django was cancelled while it made the response." in text
    assert "before there was an answer" in told(exchange, "journey")


@pytest.mark.parametrize("middleware", BOTH, ids=["bare", "adapted"])
@pytest.mark.parametrize(("where", "function"), [("/own_thread/", "work"), ("/sync_view/", "sync_view")])
async def test_a_function_in_the_requests_own_thread_runs_on_and_is_waited_for(
    where: str, function: str, middleware: list[str], told: Any
) -> None:
    exchange = await left(where, middleware)
    found = steps(exchange)
    assert found[:3] == [
        NOTICED,
        ("cancelled", "crossing.to_thread", f"{HERE}.{function}"),
        ("ran_on", "crossing.to_thread", f"{HERE}.{function}"),
    ]
    ran_on = cut_short(exchange)[2]
    assert ran_on.until is not None
    assert exchange.duration is not None
    assert ran_on.at < ran_on.until <= exchange.duration
    assert "with nobody waiting for it" in told(exchange)


@pytest.mark.parametrize("where", ["/waiting/", "/stream/"])
async def test_what_django_was_in_is_cancelled(where: str, told: Any) -> None:
    exchange = await left(where, [])
    during = "send_response" if where == "/stream/" else "run_get_response"
    view = [] if where == "/stream/" else [("cancelled", "django.view.failed", f"{HERE}.waiting")]
    assert steps(exchange) == [NOTICED, *view, ("cancelled", "django.cancelled", during)]
    if where == "/stream/":
        assert exchange.sizes.chunks == 1
        assert "Django was cancelled while it sent the response." in told(exchange)


async def test_a_task_that_its_server_cancels(told: Any) -> None:
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=[]), recorded_process() as recorded:
        async with connected(recorded.asgi(ASGIHandler()), recorders.scope("/waiting/"), REQUEST) as connection:
            await until_async(gate.began.is_set)
            connection.task.cancel()
            await until_async(connection.task.done)
        exchange = recorded.only
    assert steps(exchange)[-1] == ("noticed", "asgi.cancelled", None)
    assert "The server cancelled the application." in told(exchange)


async def test_a_send_that_does_not_come_back(told: Any) -> None:
    async def gone(message: Any) -> None:
        raise OSError("the client is gone")

    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=[]), recorded_process() as recorded:
        connection = recorders.Connection(recorded.asgi(ASGIHandler()), recorders.scope("/generated/"), REQUEST)
        connection.send = gone  # type: ignore[method-assign]
        await until_async(connection.task.done)
        exchange = recorded.only
    assert steps(exchange) == [("noticed", "http.response.start", None)]
    assert "send() did not come back" in told(exchange)


def asked(where: str, take: int | None, method: str = "GET") -> Exchange:
    """Under WSGI, by a server that closes the body after some chunks."""
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=[]), recorded_process() as recorded:
        body: Any = recorded.wsgi(WSGIHandler())(recorders.environ(where, REQUEST_METHOD=method), lambda *_: print)
        try:
            for number, _ in enumerate(body, 1):
                if number == take:
                    break
        except LookupError:
            pass
        finally:
            body.close()
        return recorded.only


@pytest.mark.parametrize("where", ["/generated/", "/sync_stream/"])
def test_a_body_that_the_server_closed_before_its_end(where: str, told: Any) -> None:
    exchange = asked(where, 1)
    assert steps(exchange) == [("noticed", "wsgi.abandoned", None)]
    assert [event[0] for event in exchange.trail][-1] != "wsgi.abandoned"
    assert "The server closed the body before it had asked for its end." in told(exchange)
    assert "until the client left" in told(exchange, "journey")


@pytest.mark.parametrize(
    ("where", "take", "method"),
    [
        ("/generated/", None, "GET"),
        ("/sync_stream/", None, "GET"),
        ("/raising/", None, "GET"),  # the application's own doing, and told as its failure
        ("/generated/", 1, "HEAD"),
    ],
)
def test_what_came_to_its_end_is_not_cut_short(where: str, take: int | None, method: str, told: Any) -> None:
    exchange = asked(where, take, method)
    assert steps(exchange) == []
    assert "cut short" not in told(exchange)


async def test_a_disconnect_after_a_complete_answer_says_nothing() -> None:
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=[]), recorded_process() as recorded:
        connection = recorders.Connection(recorded.asgi(ASGIHandler()), recorders.scope("/generated/"), REQUEST)
        await connection.wait_sent(2)
        connection.put(DISCONNECT)
        await until_async(connection.task.done)
        assert steps(recorded.only) == []
