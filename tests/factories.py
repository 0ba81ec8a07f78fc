"""Exchanges as the recorder leaves them, built event by event, for tests of whatever reads them.

Instants follow from a small script (``trail.wait(microseconds)``, ``trail.add(name, …)``), so that what a test asserts
about lanes or sums can be read off the script. Every function takes fields of ``Exchange`` to replace.
"""

from __future__ import annotations

from typing import Any

import msgspec

from django_gateway.exchange import (
    Close,
    Exchange,
    Failure,
    Frame,
    Handover,
    Loop,
    Match,
    Server,
    Sizes,
    Split,
)
from django_gateway.stores import Store
from page_factories import asgi_page, cgi_page, wsgi_page
from trails import ASGI_SERVER, MIDDLEWARE, ORIGIN, Trail, handover, make


def stream(**changes: Any) -> Exchange:
    """Server-sent events under ASGI: 31 chunks, then the client left."""
    trail = Trail()
    trail.wait(300)
    trail.add("http.request", 0, False)
    trail.add("django.resolver.started")
    trail.wait(90)
    trail.add("django.resolver.finished", "events/")
    trail.add("django.view.started", "shop.views.events", "async")
    trail.wait(200)
    trail.add("django.view.finished", "shop.views.events")
    start = trail.wait(100)
    trail.sent("http.response.start", 200)
    for _ in range(31):
        trail.wait(99_000)
        trail.sent("http.response.body", 64, True, took=900)
    trail.wait(40_000)
    trail.add("http.disconnect")
    trail.wait(500)
    exchange = make(
        trail,
        interface="asgi",
        server=ASGI_SERVER,
        path="/events/",
        query="",
        match=Match("events/", "shop.views.events", "events", [], []),
        handover=handover("scope", path="/events/", raw_path="/events/", query_string=""),
        headers=[["Content-Type", "text/event-stream"]],
        sizes=Sizes(body_bytes=31 * 64, chunks=31),
        split=Split(390_000, 100_000, 200_000, trail.now - start),
        loop=Loop(9_000_000, trail.now - ORIGIN - 9_000_000, 66, 700_000),
    )
    return msgspec.structs.replace(exchange, **changes)


def websocket(*, received: int = 14, sent: int = 22, **changes: Any) -> Exchange:
    """A chat: accepted with a subprotocol, text and binary messages both ways, closed by the client with 1001."""
    trail = Trail()
    trail.wait(200)
    trail.add("websocket.connect")
    trail.wait(900)
    trail.sent("websocket.accept", "chat.v1")
    for number in range(max(received, sent)):
        trail.wait(250_000)
        if number < received:
            text = f'{{"message": "hello {number}"}}'
            trail.add("websocket.receive", "text", len(text), text)
        if number < sent:
            trail.wait(700)
            kind, excerpt = (
                ("bytes", "\x00\x01\x02ÿ") if number % 7 == 6 else ("text", f'{{"from": "ann", "n": {number}}}')
            )
            trail.sent("websocket.send", kind, len(excerpt), excerpt)
    trail.wait(100_000)
    trail.add("websocket.disconnect", 1001, "")
    trail.wait(300)
    scope = {"type": "websocket", "path": "/chat/lobby/", "raw_path": "/chat/lobby/", "query_string": ""}
    handed = handover("scope", **scope, subprotocols=["chat.v1"])
    kept = [entry for entry in handed.entries if entry[0] not in ("method", "scheme")]
    exchange = make(
        trail,
        interface="asgi",
        type="websocket",
        server=ASGI_SERVER,
        method=None,
        path="/chat/lobby/",
        query="",
        status=101,
        match=Match("chat/<str:room>/", "chat.consumers.ChatConsumer", None, [], ["room"]),
        handover=Handover("scope", kept),
        headers=[["Sec-WebSocket-Protocol", "chat.v1"]],
        close=Close(1001, "client", ""),
        sizes=Sizes(received=received, sent=sent),
        split=Split(interface=1_100_000, body=trail.now - ORIGIN - 1_100_000),
        loop=Loop(12_000_000, trail.now - ORIGIN - 12_000_000, 90, 800_000),
    )
    return msgspec.structs.replace(exchange, **changes)


def failure(**changes: Any) -> Exchange:
    """A view that raised: 500, with the frames of its traceback."""
    trail = Trail()
    trail.wait(150)
    name = MIDDLEWARE[0][0]
    entered = trail.now
    trail.add("django.middleware.started", name, "sync")
    trail.wait(80)
    trail.add("django.resolver.started")
    trail.wait(60)
    trail.add("django.resolver.finished", "pay/<int:order>/")
    view_started = trail.now
    trail.add("django.view.started", "shop.views.pay", "sync")
    trail.wait(700)
    view_ended = trail.now
    trail.add("django.view.failed", "shop.views.pay", "builtins.ZeroDivisionError")
    trail.add("django.exception", "builtins.ZeroDivisionError", 500)
    trail.wait(2400)
    left = trail.now
    trail.add("django.middleware.finished", name, 500)
    trail.add("wsgi.start_response", "500 Internal Server Error", False)
    trail.add("wsgi.returned", "django.http.response.HttpResponseServerError")
    trail.wait(50)
    trail.add("wsgi.body", 145)
    trail.wait(60)
    trail.add("wsgi.close")
    view = view_ended - view_started
    exchange = make(
        trail,
        method="POST",
        path="/pay/7/",
        query="",
        status=500,
        match=Match("pay/<int:order>/", "shop.views.pay", "pay", [], ["order"]),
        handover=handover("environ", REQUEST_METHOD="POST", PATH_INFO="/pay/7/", QUERY_STRING=""),
        headers=[["Content-Type", "text/html; charset=utf-8"]],
        failure=Failure(
            "builtins.ZeroDivisionError",
            "division by zero",
            [
                Frame("/srv/shop/views.py", 41, "pay", "return charge(order)"),
                Frame("/srv/shop/payments.py", 12, "charge", "share = total / parts"),
            ],
            "django.view.started",
            True,
        ),
        sizes=Sizes(request_bytes=212, body_bytes=145, chunks=1),
        split=Split(trail.now - ORIGIN - (left - entered) - 110_000, left - entered - view, view, 110_000),
    )
    return msgspec.structs.replace(exchange, **changes)


def in_flight(**changes: Any) -> Exchange:
    """A slow view that has not come back yet: no end, no status, no answer."""
    trail = Trail()
    trail.wait(200)
    trail.add("django.middleware.started", MIDDLEWARE[0][0], "sync")
    trail.wait(90)
    trail.add("django.resolver.started")
    trail.wait(60)
    trail.add("django.resolver.finished", "report/")
    trail.add("django.view.started", "shop.views.report", "sync")
    exchange = make(
        trail,
        state="in_flight",
        ended=None,
        path="/report/",
        query="",
        status=None,
        match=Match("report/", "shop.views.report", "report", [], []),
        handover=handover("environ", PATH_INFO="/report/", QUERY_STRING=""),
        headers=None,
    )
    return msgspec.structs.replace(exchange, **changes)


def interrupted(**changes: Any) -> Exchange:
    """A worker that was killed while its view ran."""
    fields: dict[str, Any] = {"state": "interrupted", "method": "POST", "path": "/upload/"}
    return in_flight(**{**fields, **changes})


def hostile(text: str, **changes: Any) -> Exchange:
    """``text`` in every place that a client, or the code that serves it, has a hand in."""
    exchange = failure(
        method=text[:40],
        path=f"/{text}",
        query=text,
        client=text,
        server=Server(text, text, 4711, text, text),
        match=Match(text, text, text, [text], [text]),
        handover=handover("environ", PATH_INFO=f"/{text}", HTTP_COOKIE=text, **{f"HTTP_{text}": text}),
        headers=[[text, text]],
        failure=Failure(text, text, [Frame(text, 1, text, text)], text, False),
        unseen=[text],
    )
    return msgspec.structs.replace(exchange, **changes)


__all__ = ["ASGI_SERVER", "asgi_page", "cgi_page", "wsgi_page"]
EVERY_KIND = (wsgi_page, asgi_page, cgi_page, stream, websocket, failure, in_flight, interrupted)


def keep(store: Store, *exchanges: Exchange) -> None:
    """Put them where the panel reads."""
    store.write([store.pack(exchange) for exchange in exchanges])
