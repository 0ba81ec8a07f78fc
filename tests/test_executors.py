"""How many calls were ahead in the queue of a thread: known truths, with asgiref as it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, async_to_sync, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

import recorders
from django_gateway import document, phases
from django_gateway.exchange import Exchange
from django_gateway.instrument import executors
from recorders import recorded_process, until


class Gate:
    """A call that goes on once it is let through."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()

    def call(self) -> None:
        self.begun.set()
        assert self.open.wait(recorders.DEADLINE)


def quick() -> None:
    pass


async def piled_up(*calls: Callable[[], Any], gate: Gate) -> None:
    """Hand all calls over while the gate's holds the thread; then let it go."""
    first = asyncio.ensure_future(sync_to_async(gate.call)())
    await recorders.until_async(gate.begun.is_set)
    rest = [asyncio.ensure_future(call()) for call in calls]
    await asyncio.sleep(0)  # each goes as far as its thread
    gate.open.set()
    await asyncio.gather(first, *rest)


def ahead(exchange: Exchange, function: str) -> list[int]:
    found = [each.ahead for each in phases.crossings(exchange) if each.function.endswith(function)]
    assert found
    return found


def recorded(application: Any, paths: tuple[str, ...] = ("/",)) -> list[Exchange]:
    async def serve() -> None:
        await asyncio.gather(*(recorders.serve_asgi(served, recorders.scope(each)) for each in paths))

    with recorded_process() as found:
        served = found.asgi(application)
        asyncio.run(serve())
    return found.exchanges


def test_of_three_thread_sensitive_calls_the_last_has_two_ahead_of_it() -> None:
    def second() -> None:
        quick()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        async with ThreadSensitiveContext():
            await piled_up(sync_to_async(second), sync_to_async(quick), gate=Gate())

    (exchange,) = recorded(application)
    assert ahead(exchange, "Gate.call") == [0]
    assert ahead(exchange, "second") == [1]
    assert ahead(exchange, "quick") == [2]
    waits = [(each.entered or 0) - each.started for each in phases.crossings(exchange) if each.ahead]
    assert all(wait > 0 for wait in waits)
    told = {each["function"].rpartition(".")[2]: each["ahead"] for each in document.document(exchange)["crossings"]}
    assert told == {"call": 0, "second": 1, "quick": 2}


def test_one_after_the_other_nobody_is_ahead() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        async with ThreadSensitiveContext():
            for _ in range(3):
                await sync_to_async(quick)()

    (exchange,) = recorded(application)
    assert ahead(exchange, "quick") == [0, 0, 0]
    assert recorders.names(exchange, "crossing.queued") == []


def test_all_that_has_no_thread_of_its_own_waits_in_one_queue() -> None:
    """Without a ThreadSensitiveContext, as with Channels' consumers, the whole process has one thread for them."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/holds/":
            await sync_to_async(gate.call)()
        else:
            await recorders.until_async(gate.begun.is_set)
            waiting = asyncio.ensure_future(sync_to_async(quick)())
            await asyncio.sleep(0)
            gate.open.set()
            await waiting

    exchanges = {each.path: each for each in recorded(application, ("/holds/", "/waits/"))}
    assert ahead(exchanges["/waits/"], "quick") == [1]
    assert ahead(exchanges["/holds/"], "Gate.call") == [0]


def test_what_a_call_called_itself_counts_as_that_call() -> None:
    gate = Gate()

    async def inner() -> None:
        await sync_to_async(quick)()
        await sync_to_async(quick)()

    def outer() -> None:
        gate.call()
        async_to_sync(inner)()

    def last() -> None:
        quick()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        async with ThreadSensitiveContext():
            first = asyncio.ensure_future(sync_to_async(outer)())
            await recorders.until_async(gate.begun.is_set)
            waiting = asyncio.ensure_future(sync_to_async(last)())
            await asyncio.sleep(0)
            gate.open.set()
            await asyncio.gather(first, waiting)

    (exchange,) = recorded(application)
    assert ahead(exchange, "quick") == [0, 0]
    assert ahead(exchange, "last") == [1]


@pytest.fixture(params=["given", "the loop's own"])
def pool(request: pytest.FixtureRequest) -> Iterator[Callable[[], ThreadPoolExecutor | None]]:
    """A pool of two threads; None stands for the loop's, which it is made."""
    with ThreadPoolExecutor(2) as two:

        def use() -> ThreadPoolExecutor | None:
            if request.param == "given":
                return two
            asyncio.get_running_loop().set_default_executor(two)
            return None

        yield use


def test_in_a_pool_calls_are_ahead_once_no_thread_is_free(pool: Callable[[], ThreadPoolExecutor | None]) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        executor = pool()
        gates = [Gate(), Gate()]
        calls = [SyncToAsync(gate.call, thread_sensitive=False, executor=executor) for gate in gates]
        held = [asyncio.ensure_future(call()) for call in calls]
        await recorders.until_async(lambda: all(gate.begun.is_set() for gate in gates))
        waiting = asyncio.ensure_future(sync_to_async(quick, thread_sensitive=False, executor=executor)())
        await asyncio.sleep(0)
        for gate in gates:
            gate.open.set()
        await asyncio.gather(*held, waiting)

    (exchange,) = recorded(application)
    assert ahead(exchange, "Gate.call") == [0, 0]
    assert ahead(exchange, "quick") == [2]


def test_a_call_that_is_cancelled_in_the_queue_is_no_longer_in_it() -> None:
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        executor = ThreadPoolExecutor(1)
        first = asyncio.ensure_future(SyncToAsync(gate.call, thread_sensitive=False, executor=executor)())
        await recorders.until_async(gate.begun.is_set)
        gone = asyncio.ensure_future(sync_to_async(quick, thread_sensitive=False, executor=executor)())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        last = asyncio.ensure_future(sync_to_async(quick, thread_sensitive=False, executor=executor)())
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, last)
        until(lambda: not executors._open[executor])
        executor.shutdown()

    (exchange,) = recorded(application)
    assert sorted(ahead(exchange, "quick")) == [0, 1]
    assert len(executors._open) == 0 or not any(executors._open.values())


async def view(request: HttpRequest) -> HttpResponse:
    await piled_up(sync_to_async(quick), gate=Gate())
    return HttpResponse("done")


urlpatterns = [path("", view)]


def test_in_an_async_view_of_djangos() -> None:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]), recorded_process() as found:
        asyncio.run(recorders.serve_asgi(found.asgi(ASGIHandler()), recorders.scope("/")))
    assert found.only.status == 200
    assert ahead(found.only, "quick") == [1]


def test_only_so_many_ends_are_remembered() -> None:
    found: list[int] = []

    def use() -> None:
        for instant in range(1, 1_001):
            executors.SENSITIVE.ends(instant, instant)
        found.append(executors.SENSITIVE.begins(998))
        found.append(executors.SENSITIVE.begins(0))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert found == [2, executors._KEPT]
