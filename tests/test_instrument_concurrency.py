"""Two hundred requests at a time: whatever is told of one is its own."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.test import override_settings
from django.urls import path

import chains
import recorders
from chains import LISTS
from django_gateway import phases
from django_gateway.exchange import Exchange
from recorders import Recorded, entries, names, recorded_process, serve, serve_asgi

AT_ONCE = 200

pytestmark = pytest.mark.django_db


def echo(request: HttpRequest, number: int) -> HttpResponse:
    time.sleep(random.random() / 100)
    text = engines["django"].from_string("{{ number }}").render({"number": number})
    time.sleep(random.random() / 100)
    return HttpResponse(text, headers={"X-Number": number})


async def echo_async(request: HttpRequest, number: int) -> HttpResponse:
    for _ in range(random.randrange(5)):
        await asyncio.sleep(0)
    text = engines["django"].from_string("{{ number }}").render({"number": number})
    await asyncio.sleep(random.random() / 100)
    return HttpResponse(text, headers={"X-Number": number})


def stream(request: HttpRequest, number: int) -> StreamingHttpResponse:
    def pieces() -> Iterator[bytes]:
        for digit in str(number):
            time.sleep(random.random() / 200)
            engines["django"].from_string("a").render({})
            yield digit.encode()

    return StreamingHttpResponse(pieces(), headers={"X-Number": number})


urlpatterns = [
    path("echo/<int:number>/", echo),
    path("echo-async/<int:number>/", echo_async),
    path("stream/<int:number>/", stream),
]


def own(middleware: str) -> Any:
    return override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=LISTS[middleware])


def check(recorded: Recorded, where: str, view: str) -> None:
    exchanges = recorded.exchanges
    assert len(exchanges) == AT_ONCE
    assert len({exchange.id for exchange in exchanges}) == AT_ONCE
    assert {exchange.path for exchange in exchanges} == {f"/{where}/{n}/" for n in range(AT_ONCE)}
    shapes = set()
    for exchange in exchanges:
        number = exchange.path.split("/")[2]
        told = entries(exchange)
        assert told.get("PATH_INFO", told.get("path")) == exchange.path
        assert exchange.match is not None
        assert exchange.match.arguments == [f"number={number}"]
        assert exchange.headers is not None
        assert ["X-Number", number] in exchange.headers
        assert exchange.sizes.body_bytes == len(number)
        assert exchange.status == 200
        found = phases.view(exchange)
        assert found is not None
        assert found.name == f"{__name__}.{view}"
        assert exchange.duration is not None
        assert all(0 <= happening.at <= exchange.duration for happening in phases.happenings(exchange))
        shapes.add(shape(exchange))
    # Nothing of another request, nothing missing: all are alike but for the number of chunks.
    assert len(shapes) == 1


def shape(exchange: Exchange) -> tuple[Any, ...]:
    layers = tuple((layer.name, layer.mode, layer.status) for layer in phases.middleware(exchange))
    crossings = tuple((crossing.function, crossing.caller) for crossing in phases.crossings(exchange))
    repeated = ("wsgi.body", "http.response.body", "django.template.started", "django.template.finished")
    once = tuple(sorted(name for name in names(exchange) if name not in repeated))
    return layers, crossings, once, exchange.failure


@pytest.mark.parametrize(("where", "view"), [("echo", "echo"), ("echo-async", "echo_async"), ("stream", "stream")])
def test_threads(where: str, view: str) -> None:
    with own("classes"), recorded_process() as recorded:
        application = recorded.wsgi(WSGIHandler())
        together = threading.Barrier(AT_ONCE)
        bodies: dict[int, bytes] = {}

        def ask(number: int) -> None:
            together.wait()
            bodies[number] = serve(application, recorders.environ(f"/{where}/{number}/")).body

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert bodies == {number: str(number).encode() for number in range(AT_ONCE)}
    check(recorded, where, view)


@pytest.mark.parametrize("middleware", ["startproject", "functions", "async only"])
@pytest.mark.parametrize(("where", "view"), [("echo", "echo"), ("echo-async", "echo_async")])
def test_tasks(where: str, view: str, middleware: str) -> None:
    async def ask_all(application: Any) -> list[bytes]:
        asked = (serve_asgi(application, recorders.scope(f"/{where}/{number}/")) for number in range(AT_ONCE))
        return [connection.body for connection in await asyncio.gather(*asked)]

    with own(middleware), recorded_process() as recorded:
        bodies = asyncio.run(ask_all(recorded.asgi(ASGIHandler())))
    assert bodies == [str(number).encode() for number in range(AT_ONCE)]
    check(recorded, where, view)


def test_one_thread_after_another_request_tells_nothing_of_the_first() -> None:
    with own("classes"), recorded_process() as recorded:
        application = recorded.wsgi(WSGIHandler())
        for number in range(3):
            serve(application, recorders.environ(f"/echo/{number}/"))
        for _ in range(3):
            # Outside of any request nothing is recorded, though everything is instrumented.
            chains.view(HttpRequest())
            engines["django"].from_string("a").render({})
    assert [exchange.path for exchange in recorded.exchanges] == ["/echo/0/", "/echo/1/", "/echo/2/"]
    assert len({shape(exchange) for exchange in recorded.exchanges}) == 1
