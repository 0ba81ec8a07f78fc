"""GatewayMiddleware: alone it records what can be seen from where it stands, beside others it adds nothing twice."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings

import chains
import recorders
from chains import LISTS, STARTPROJECT, layers
from django_gateway import instrument, phases, process
from django_gateway.exchange import Exchange
from django_gateway.middleware import GatewayMiddleware
from recorders import Recorded, entries, names, recorded_process, serve, serve_asgi

OURS = "django_gateway.middleware.GatewayMiddleware"
BOTH = pytest.mark.parametrize("interface", ["wsgi", "asgi"])

pytestmark = pytest.mark.django_db


@contextmanager
def listed(*middleware: str, instrumented: bool = False) -> Iterator[Recorded]:
    """A project that lists the middleware, with recording on."""
    changed = override_settings(ROOT_URLCONF="chains", MIDDLEWARE=list(middleware), GATEWAY={"ENABLED": True})
    with changed, recorded_process(instrumented=instrumented) as recorded:
        yield recorded


def start_nothing(*_: Any) -> Any:
    """A ``start_response`` whose server has no use for it."""


def ask(interface: str, where: str, query: str = "", wrap: Any = lambda application: application) -> tuple[int, bytes]:
    if interface == "wsgi":
        answered = serve(wrap(WSGIHandler()), recorders.environ(where, query))
        assert answered.status is not None, answered.error
        return int(answered.status[:3]), answered.body
    connection = asyncio.run(serve_asgi(wrap(ASGIHandler()), recorders.scope(where, query)))
    assert connection.status is not None, connection.task.exception()
    return connection.status, connection.body


# Alone


@BOTH
@pytest.mark.parametrize("where", ["/sync/", "/async/"])
def test_alone_it_records_the_handover_and_everything_inside(interface: str, where: str) -> None:
    with listed(OURS, *STARTPROJECT) as recorded:
        assert ask(interface, where, "a=1")[0] == 200
    exchange = recorded.only
    assert exchange.vantage == "middleware"
    assert (exchange.interface, exchange.method, exchange.path, exchange.query) == (interface, "GET", where, "a=1")
    assert exchange.status == 200
    assert exchange.handover is not None
    assert exchange.handover.kind == ("environ" if interface == "wsgi" else "scope")
    assert entries(exchange).get("QUERY_STRING", entries(exchange).get("query_string")) == "a=1"
    assert exchange.headers is not None
    assert ["X-Frame-Options", "DENY"] in exchange.headers
    assert [layer.name for layer in phases.middleware(exchange)] == STARTPROJECT
    view = phases.view(exchange)
    assert view is not None
    assert exchange.match is not None
    assert exchange.match.route == where.strip("/") + "/"


@BOTH
def test_it_says_what_it_cannot_see(interface: str) -> None:
    with listed(OURS) as recorded:
        ask(interface, "/sync/")
    exchange = recorded.only
    wrapper = "record_wsgi" if interface == "wsgi" else "record_asgi"
    assert any(wrapper in sentence for sentence in exchange.unseen)
    assert all(sentence.endswith(".") for sentence in exchange.unseen)
    assert not names(exchange, "wsgi.")
    assert not names(exchange, "http.")


def test_the_scheduler_is_that_of_the_thread_it_stands_in() -> None:
    with listed(OURS) as recorded:
        ask("wsgi", "/sync/")
    assert recorded.only.scheduler is not None


def test_steps_of_the_loop_are_counted() -> None:
    with listed(OURS, *STARTPROJECT) as recorded:
        ask("asgi", "/async/")
    loop = recorded.only.loop
    assert loop is not None
    # One for each return from a thread, at the least.
    assert loop.steps > 10


@BOTH
def test_further_in_it_records_what_is_further_in(interface: str) -> None:
    with listed(*STARTPROJECT[:3], OURS, *STARTPROJECT[3:]) as recorded:
        assert ask(interface, "/sync/")[0] == 200
    exchange = recorded.only
    assert [layer.name for layer in phases.middleware(exchange)] == STARTPROJECT[3:]


@BOTH
@pytest.mark.parametrize("kinds", [name for name in LISTS if name != "not used"])
def test_among_middleware_of_every_kind(interface: str, kinds: str) -> None:
    with override_settings(ROOT_URLCONF="chains", MIDDLEWARE=LISTS[kinds]):
        bare = ask(interface, "/sync/")
    with listed(OURS, *LISTS[kinds]) as recorded:
        assert ask(interface, "/sync/") == bare
    # A function keeps what it calls in its closure: the walk ends there.
    found = [layer.name for layer in phases.middleware(recorded.only)]
    assert found == LISTS[kinds][: len(found)]
    assert found or not LISTS[kinds]


@BOTH
def test_a_failure_inside_is_told(interface: str) -> None:
    with listed(OURS, *STARTPROJECT) as recorded:
        assert ask(interface, "/failing/")[0] == 500
    exchange = recorded.only
    assert exchange.failure is not None
    assert exchange.failure.handled
    assert exchange.status == 500


@BOTH
def test_a_stream_is_over_when_the_response_is_closed(interface: str) -> None:
    with (
        override_settings(ROOT_URLCONF="testproject.urls"),
        listed(OURS) as recorded,
        override_settings(ROOT_URLCONF="testproject.urls"),
    ):
        if interface == "wsgi":
            iterable: Any = WSGIHandler()(recorders.environ("/streams/sync/", "count=2&ms=0"), start_nothing)
            list(iterable)
            assert len(recorded) == 0
            iterable.close()
        else:
            ask("asgi", "/streams/async/", "count=2&ms=0")
    assert recorded.only.status == 200


def test_a_response_that_is_never_closed_ends_with_itself() -> None:
    with listed(OURS) as recorded:
        iterable: Any = WSGIHandler()(recorders.environ("/sync/"), start_nothing)
        assert list(iterable) == [b"sync"]
        assert len(recorded) == 0
        del iterable
        gc.collect()
        assert recorded.only.status == 200


# Beside others


@BOTH
def test_beside_the_wrapper_it_is_one_exchange(interface: str) -> None:
    with listed(OURS, *STARTPROJECT, instrumented=True) as recorded:
        assert ask(interface, "/sync/", wrap=getattr(recorded, interface))[0] == 200
    exchange = recorded.only
    assert exchange.vantage == "wrapper"
    assert exchange.unseen == []
    told = [layer.name for layer in phases.middleware(exchange)]
    assert [name for name in told if name != OURS] == STARTPROJECT


@BOTH
def test_beside_the_app_it_is_one_exchange(interface: str) -> None:
    with listed(OURS, *STARTPROJECT, instrumented=True) as recorded:
        assert ask(interface, "/sync/")[0] == 200
    assert recorded.only.vantage == "handler"


@BOTH
def test_listed_twice_only_the_first_records(interface: str) -> None:
    with listed(OURS, STARTPROJECT[0], OURS, STARTPROJECT[1]) as recorded:
        assert ask(interface, "/sync/")[0] == 200
    exchange = recorded.only
    assert [layer.name for layer in phases.middleware(exchange) if layer.name != OURS] == STARTPROJECT[:2]


# What it is


@BOTH
@pytest.mark.parametrize("kinds", ["startproject", "classes", "mixed", "empty"])
def test_the_chain_crosses_as_often_as_with_another_in_its_place(interface: str, kinds: str) -> None:
    """Each layer is adapted where it was: what is recorded around them changes no mode."""
    with listed(f"{__name__}.Nothing", *LISTS[kinds], instrumented=True) as recorded:
        ask(interface, "/async/", wrap=getattr(recorded, interface))
    full = recorded.only
    with listed(OURS, *LISTS[kinds]) as recorded:
        ask(interface, "/async/")
    alone = recorded.only

    def inside(exchange: Exchange) -> list[str]:
        outside = ("django.dispatch.", "django.http.", f"{__name__}.Nothing")
        return [c.direction for c in phases.crossings(exchange) if not c.function.startswith(outside)]

    assert inside(alone) == inside(full)
    modes = {layer.name: layer.mode for layer in phases.middleware(full)}
    assert all(layer.mode == modes[layer.name] for layer in phases.middleware(alone))


class Nothing:
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        from asgiref.sync import iscoroutinefunction, markcoroutinefunction

        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)


def test_it_is_not_used_where_recording_is_off(caplog: pytest.LogCaptureFixture) -> None:
    with override_settings(GATEWAY={"ENABLED": False}):
        with pytest.raises(MiddlewareNotUsed, match="recording is off"):
            GatewayMiddleware(lambda request: HttpResponse())
        assert not instrument.is_installed()
        with override_settings(ROOT_URLCONF="chains", MIDDLEWARE=[OURS, *STARTPROJECT]), caplog.at_level(logging.DEBUG):
            bare = list(layers(WSGIHandler()))
    assert next(named for named, _ in bare) == f"sync {STARTPROJECT[0]}"
    assert process._recorder is None


def test_djangos_test_client_works_with_it() -> None:
    with listed(OURS, *STARTPROJECT) as recorded:
        assert Client().get("/sync/").content == b"sync"
        asyncio.run(asking())
    assert [exchange.interface for exchange in recorded.exchanges] == ["wsgi", "asgi"]


async def asking() -> None:
    assert (await AsyncClient().get("/async/")).content == b"async"


def test_a_request_of_another_make_is_served() -> None:
    """Neither environ nor scope: a RequestFactory of somebody's own."""
    with listed(OURS, instrumented=False) as recorded:
        from django_gateway.recording import faults

        faults.strict = False
        middleware = GatewayMiddleware(lambda request: HttpResponse("served"))
        response = middleware(HttpRequest())
        assert response.content == b"served"
        assert faults.count == 1
    assert len(recorded) == 0


def test_the_response_gets_nothing_that_shows() -> None:
    with listed(OURS):
        response = Client().get("/sync/")
        with override_settings(MIDDLEWARE=[]):
            bare = Client().get("/sync/")
    assert response.headers == bare.headers
    assert chains.view(HttpRequest()).content == bare.content
