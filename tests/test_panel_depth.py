"""What was recorded inside Django and Channels, as the tabs of the exchange page tell it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from django.views.decorators.cache import never_cache

import factories
import recorders
from django_gateway.exchange import Exchange
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from exchange_pages import page, text_of
from panels import installed
from recorders import recorded_process

XFRAME = "django.middleware.clickjacking.XFrameOptionsMiddleware"
MARKUP = "<script>alert(1)</script>"


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


class Chat(AsyncWebsocketConsumer):
    groups = ["lobby"]


@pytest.fixture
def conversation(transactional_db: None) -> Exchange:
    async def talk(application: Any) -> None:
        scope = recorders.scope("/chat/", type="websocket")
        async with recorders.connected(application, scope, {"type": "websocket.connect"}) as connection:
            await connection.wait_sent(1)
            connection.put({"type": "websocket.disconnect", "code": 1000})
            await recorders.until_async(connection.task.done)

    consumer: Any = Chat.as_asgi()
    routes: Any = [path("other/", consumer), path("chat/", consumer)]
    router: Any = AuthMiddlewareStack(URLRouter(routes))
    with recorded_process() as recorded:
        asyncio.run(talk(recorded.asgi(ProtocolTypeRouter({"websocket": router}))))
    return recorded.only


def test_the_way_through_channels(conversation: Exchange, program: Client, store: Store) -> None:
    factories.keep(store, conversation)
    html = page(program, conversation, "application")
    text = text_of(html)
    # One branch was taken, one was not.
    assert html.count('<span class="unseen">not taken</span>') == 1
    for part in ("CookieMiddleware", "AuthMiddleware", "AnonymousUser", "websocket_connect", "group_add", "lobby"):
        assert part in text


def test_hostile_names_are_text(conversation: Exchange, program: Client, store: Store) -> None:
    def hostile(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("lobby", MARKUP).replace("chat", MARKUP)
        if isinstance(value, list):
            return [hostile(item) for item in value]
        if isinstance(value, dict):
            return {key: hostile(item) for key, item in value.items()}
        return value

    exchange = msgspec.structs.replace(
        conversation, trail=hostile(conversation.trail), facts=hostile(conversation.facts)
    )
    factories.keep(store, exchange)
    html = page(program, exchange, "application")
    assert MARKUP not in html
    assert "&lt;script&gt;" in html


def served(where: str, middleware: list[str], **more: Any) -> Exchange:
    project = override_settings(ROOT_URLCONF="test_instrument_django_routes", MIDDLEWARE=middleware)
    with project, recorded_process() as recorded:
        recorders.serve(recorded.wsgi(WSGIHandler()), recorders.environ(where, **more))
    return recorded.only


def plain(request: Any, **kwargs: Any) -> HttpResponse:
    return HttpResponse(request.body)


@pytest.fixture
def urlconf(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("test_instrument_django_routes")
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("first/", plain, name="first"),
        path("orders/<int:number>/", never_cache(plain), name="order"),
    ]
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_the_chain_the_route_and_the_body(urlconf: None, program: Client, store: Store) -> None:
    exchange = served("/orders/7/", ["chains.NotUsed", "chains.AsyncClass", "chains.MixinHooks"])
    factories.keep(store, exchange)
    text = text_of(page(program, exchange, "middleware"))
    assert "The resolver tried 2 patterns until one matched." in text
    assert "orders/<int:number>/ order matched" in text
    assert "number by IntConverter" in text
    assert "django.views.decorators.cache.never_cache" in text
    assert "not used: it raised MiddlewareNotUsed" in text
    assert "the handler calls the outermost by way of an event loop" in text
    assert "process_exception not called: the view raised nothing" in text
    assert "request.body" in text
    assert "test_panel_depth.plain:" in text
    assert "django.db.close_old_connections" in text


def test_a_path_that_nearly_led_somewhere(urlconf: None, program: Client, store: Store) -> None:
    exchange = served("/orders/seven/", [])
    factories.keep(store, exchange)
    text = text_of(page(program, exchange, "middleware"))
    assert "Nearly orders/<int:number>/: 'seven' is no int." in text
    assert "tried 2 patterns, and none matched" in text
    hostile = served("/<script>alert(1)</script>/7", [])
    factories.keep(store, hostile)
    assert MARKUP not in page(program, hostile, "middleware")


def test_who_set_changed_and_removed_headers(program: Client, store: Store) -> None:
    exchange = factories.wsgi_page()
    at = exchange.ended or 0
    events = [
        ["django.headers", at - 9_000, "shop.views.orders", ["Content-Type", "X-Gone"], [], []],
        ["django.headers", at - 8_500, XFRAME, ["X-Frame-Options"], [], []],
        ["django.headers", at - 8_000, "shop.middleware.EditMiddleware", [], ["Content-Type"], ["X-Gone"]],
    ]
    exchange = msgspec.structs.replace(exchange, trail=exchange.trail + events)
    factories.keep(store, exchange)
    text = text_of(page(program, exchange, "response"))
    assert "the view, changed by Edit" in text
    assert "XFrameOptions X_FRAME_OPTIONS" in text
    assert "Removed on the way out: X-Gone of the view by Edit." in text


def test_connections_are_told_beside_threads(program: Client, store: Store) -> None:
    exchange = factories.wsgi_page()
    start, threads = exchange.started, {7: "worker-7", 8: "worker-8"}
    events = [
        ["django.database.opened", start + 1_000, "default", "postgresql", 7, None, start + 3_001_000],
        ["django.database.reused", start + 2_000, "replica", "postgresql", 7],
        ["django.database.opened", start + 3_000, "default", "postgresql", 8, "OperationalError", start + 4_000],
        ["django.database.closed", start + 4_000_000, "replica", 7],
        ["django.database.left_open", start + 5_000_000, "default", 7, 0],
    ]
    exchange = msgspec.structs.replace(exchange, trail=exchange.trail + events, threads=threads)
    factories.keep(store, exchange)
    text = text_of(page(program, exchange, "threads"))
    assert "opened in 3.00 msopen, though nothing asked for it" in text
    assert "open, from an earlier requestclosed at 4.00 ms" in text
    assert "could not be opened: OperationalError" in text
