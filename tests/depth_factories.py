"""Exchanges with what was seen inside Django and Channels: for pages that show it."""

from __future__ import annotations

from typing import Any

import msgspec

import factories
from django_gateway.exchange import Exchange
from page_factories import REQUEST, wsgi_page
from trails import MIDDLEWARE


def through_channels() -> Exchange:
    """The chat, with its way through the routers, its handlers and its channel layer."""
    exchange = factories.websocket()
    at, consumer, operation = exchange.started, "chat.consumers.ChatConsumer", at_end(exchange)
    events: list[Any] = [
        ["asgi.entered", at + 1_000, "channels.routing.ProtocolTypeRouter", "websocket", []],
        ["asgi.entered", at + 2_000, "channels.routing.URLRouter", "chat/<slug:room>/", [["user", "<User>"]]],
        ["asgi.entered", at + 3_000, consumer, None, [["url_route", {"args": [], "kwargs": {"room": "lobby"}}]]],
        ["channels.dispatch.started", at + 4_000, consumer, "websocket_connect", "async"],
        ["channels.dispatch.finished", at + 9_000, consumer, "websocket_connect"],
        ["channels.dispatch.started", at + 10_000, consumer, "websocket_receive", "async"],
        ["channels.dispatch.failed", at + 12_000, consumer, "websocket_receive", "LookupError"],
        ["channels.group_add", at + 5_000, "chat.lobby", "specific!a", None, at + 6_000],
        ["channels.receive", operation, "specific!a", "chat.event"],
    ]
    leaf = {"mode": "async", "kind": "consumer", "branches": []}
    routes = [{"label": f"{name}/", "name": consumer, **leaf} for name in ("chat/<slug:room>", "echo")]
    router = {"label": "websocket", "name": "channels.routing.URLRouter", "kind": "router", "branches": routes}
    tree = {"label": None, "name": "channels.routing.ProtocolTypeRouter", "kind": "router", "branches": [router]}
    return msgspec.structs.replace(
        exchange, id=exchange.id + 1, trail=exchange.trail + events, facts=[["asgi.application", tree]]
    )


def at_end(exchange: Exchange) -> int:
    return (exchange.ended or exchange.started) - 1_000


def from_within() -> Exchange:
    """The page, with the chain as built, its route, its connection, its body and who set its headers."""
    exchange = wsgi_page()
    start, end, view = exchange.started, at_end(exchange), "shop.views.orders"
    tried = [[["admin/"], None], [["shop/", "orders/"], "orders"]]
    events: list[Any] = [
        ["django.route.matched", start + 900_000, tried, 2, {"page": "IntConverter"}, ["shop.decorators.staff"]],
        ["django.database.opened", start + 950_000, "default", "postgresql", 7, None, start + 990_000],
        ["django.database.left_open", end, "default", 7, 0],
        ["django.body.read", start + 960_000, "POST", "shop.views.orders:12", None, None, start + 970_000],
        ["django.headers", end - 9_000, view, ["Content-Type", "X-Gone"], [], []],
        ["django.headers", end - 8_000, MIDDLEWARE[0][0], [], ["Content-Type"], ["X-Gone"]],
    ]
    layers = [
        {
            "name": name,
            "listed": name,
            "used": place != 3,
            "mode": "sync",
            "calls": "sync_to_async" if place == 2 else None,
            "sync_capable": True,
            "async_capable": place != 2,
            "hooks": [{"name": hook, "mode": "sync", "adapted": None} for hook in (*hooks, "process_exception")],
        }
        for place, (name, hooks) in enumerate(MIDDLEWARE)
    ]
    receivers = {"request_started": [{"name": "django.db.reset_queries", "mode": "sync"}], "request_finished": []}
    facts = [
        ["wsgi.chain", {"interface": "wsgi", "calls": None, "layers": layers}],
        ["django.receivers", receivers],
        REQUEST,
    ]
    return msgspec.structs.replace(
        exchange, id=exchange.id + 2, trail=exchange.trail + events, facts=facts, threads={7: "worker-7"}
    )
