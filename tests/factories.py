"""Exchanges as the recorder leaves them, built event by event, for tests of whatever reads them.

Instants follow from a small script (``trail.wait(microseconds)``, ``trail.add(name, …)``), so that what a test asserts
about lanes or sums can be read off the script. Every function takes fields of ``Exchange`` to replace.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
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
    Scheduler,
    Server,
    Sizes,
    Split,
)
from django_gateway.stores import Store

#: 2026-05-04 07:52:12.118 UTC, in nanoseconds.
STARTED_AT = 1_777_881_132_118_000_000
#: ``perf_counter_ns`` at the start of every exchange made here.
ORIGIN = 5_000_000_000_000
MICROSECOND = 1_000
MILLISECOND = 1_000_000
HIDDEN = "•••••"

WSGI_SERVER = Server("WSGIServer", "0.2", 4711, "Thread-3 (process_request_thread)", "workstation")
ASGI_SERVER = Server("daphne", "4.2.3", 903, "MainThread", "workstation")

#: startproject's seven, with the hooks that each defines.
MIDDLEWARE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("django.middleware.security.SecurityMiddleware", ("process_request", "process_response")),
    ("django.contrib.sessions.middleware.SessionMiddleware", ("process_request", "process_response")),
    ("django.middleware.common.CommonMiddleware", ("process_request", "process_response")),
    ("django.middleware.csrf.CsrfViewMiddleware", ("process_request", "process_view", "process_response")),
    ("django.contrib.auth.middleware.AuthenticationMiddleware", ("process_request",)),
    ("django.contrib.messages.middleware.MessageMiddleware", ("process_request", "process_response")),
    ("django.middleware.clickjacking.XFrameOptionsMiddleware", ("process_response",)),
)

_numbers = itertools.count(0x18F4_2B60_0000_0001, 0x10_0001)


class Trail:
    """Writes events at a clock that only ``wait`` moves."""

    def __init__(self) -> None:
        self.now = ORIGIN
        self.events: list[Any] = []

    def wait(self, microseconds: float) -> int:
        self.now += int(microseconds * MICROSECOND)
        return self.now

    def add(self, name: str, *fields: Any) -> None:
        self.events.append((name, self.now, *fields))

    def sent(self, name: str, *fields: Any, took: float = 30) -> None:
        """A message to the server, whose send() gave control back after ``took`` microseconds."""
        at = self.now
        self.events.append((name, at, *fields, self.wait(took)))

    @contextmanager
    def crossing(self, function: str, thread: str, *, out: float = 90, back: float = 60) -> Iterator[None]:
        """One crossing to a thread and back; the event is written when it is over, as the recorder does."""
        left_caller = self.now
        entered = self.wait(out)
        yield
        left = self.now
        self.events.append(("crossing.to_thread", left_caller, function, thread, entered, left, self.wait(back)))


def _handover(kind: str, **changes: Any) -> Handover:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/orders/",
        "QUERY_STRING": "page=2",
        "SERVER_NAME": "shop.local",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "shop.local:8000",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Firefox/139.0",
        "HTTP_ACCEPT": "text/html,application/xhtml+xml",
        "HTTP_COOKIE": HIDDEN,
        "wsgi.version": [1, 0],
        "wsgi.url_scheme": "http",
        "wsgi.input": "<django.core.handlers.wsgi.LimitedStream>",
        "wsgi.errors": "<_io.TextIOWrapper>",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": "<wsgiref.util.FileWrapper>",
    }
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/orders/",
        "raw_path": "/orders/",
        "query_string": "page=2",
        "root_path": "",
        "headers": [
            ["host", "shop.local:8000"],
            ["user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/139.0"],
            ["accept", "text/html,application/xhtml+xml"],
            ["cookie", HIDDEN],
        ],
        "client": ["127.0.0.1", 51514],
        "server": ["127.0.0.1", 8000],
    }
    entries = {**(environ if kind == "environ" else scope), **changes}
    return Handover(kind, [[key, value] for key, value in entries.items()])


PAGE_HEADERS: list[Any] = [
    ["Content-Type", "text/html; charset=utf-8"],
    ["X-Frame-Options", "DENY"],
    ["Content-Length", "18204"],
    ["Vary", "Cookie"],
    ["X-Content-Type-Options", "nosniff"],
    ["Set-Cookie", f"csrftoken={HIDDEN}; Path=/; SameSite=Lax"],
]


def _exchange(trail: Trail, **fields: Any) -> Exchange:
    base: dict[str, Any] = {
        "id": next(_numbers),
        "interface": "wsgi",
        "type": "http",
        "state": "finished",
        "started_at": STARTED_AT,
        "started": ORIGIN,
        "ended": trail.now,
        "method": "GET",
        "path": "/orders/",
        "query": "page=2",
        "status": 200,
        "client": "127.0.0.1:51514",
        "server": WSGI_SERVER,
        "handover": _handover("environ"),
        "match": Match("orders/", "shop.views.orders", "orders", [], []),
        "headers": PAGE_HEADERS,
        "trail": trail.events,
        "failure": None,
        "scheduler": None,
        "loop": None,
        "close": None,
        "sizes": Sizes(),
        "split": Split(),
        "vantage": "wrapper",
        "unseen": [],
    }
    return Exchange(**{**base, **fields})


def wsgi_page(**changes: Any) -> Exchange:
    """4.3 ms on Django's own server: seven middleware, a sync view, one chunk."""
    trail = Trail()
    trail.wait(110)
    trail.add("django.signal.started", "request_started")
    trail.wait(40)
    trail.add("django.signal.finished", "request_started")
    entered = trail.now
    for name, hooks in MIDDLEWARE:
        trail.wait(20)
        trail.add("django.middleware.started", name, "sync")
        if "process_request" in hooks:
            trail.add("django.hook.started", name, "process_request")
            trail.wait(60)
            trail.add("django.hook.finished", name, "process_request")
    trail.add("django.resolver.started")
    trail.wait(70)
    trail.add("django.resolver.finished", "orders/")
    trail.add("django.hook.started", MIDDLEWARE[3][0], "process_view")
    trail.wait(50)
    trail.add("django.hook.finished", MIDDLEWARE[3][0], "process_view")
    view_started = trail.wait(10)
    trail.add("django.view.started", "shop.views.orders", "sync")
    trail.wait(1400)
    trail.add("django.template.started", "shop/orders.html")
    trail.wait(1300)
    trail.add("django.template.finished", "shop/orders.html")
    view_ended = trail.wait(30)
    trail.add("django.view.finished", "shop.views.orders")
    for name, hooks in reversed(MIDDLEWARE):
        if "process_response" in hooks:
            trail.add("django.hook.started", name, "process_response")
            trail.wait(70)
            trail.add("django.hook.finished", name, "process_response")
        trail.wait(10)
        trail.add("django.middleware.finished", name, 200)
    left = trail.wait(30)
    trail.add("wsgi.start_response", "200 OK", False)
    trail.add("wsgi.returned", "django.http.response.HttpResponse")
    body = trail.wait(60)
    trail.add("wsgi.body", 18204)
    trail.wait(140)
    trail.add("django.response.close")
    trail.add("wsgi.close")
    trail.wait(30)
    view = view_ended - view_started
    middleware = left - entered - view
    sent = trail.now - body
    exchange = _exchange(
        trail,
        scheduler=Scheduler(3_900_000, 210_000, trail.now - ORIGIN - 4_110_000, 6, 2),
        sizes=Sizes(body_bytes=18204, chunks=1),
        split=Split(trail.now - ORIGIN - view - middleware - sent, middleware, view, sent),
    )
    return msgspec.structs.replace(exchange, **changes)


def asgi_page(**changes: Any) -> Exchange:
    """The same page on Daphne with its 16 crossings: 13 hooks, the signal, the sync view and ``response.close``."""
    thread = "asyncio_0"
    trail = Trail()
    trail.wait(120)
    with trail.crossing("django.dispatch.dispatcher.Signal.asend.<locals>.sync_send", thread):
        trail.add("django.signal.started", "request_started")
        trail.wait(50)
        trail.add("django.signal.finished", "request_started")
    trail.add("http.request", 0, False)
    entered = trail.now
    for name, hooks in MIDDLEWARE:
        trail.wait(30)
        trail.add("django.middleware.started", name, "async")
        if "process_request" in hooks:
            with trail.crossing(f"{name}.process_request", thread):
                trail.add("django.hook.started", name, "process_request")
                trail.wait(70)
                trail.add("django.hook.finished", name, "process_request")
    trail.add("django.resolver.started")
    trail.wait(80)
    trail.add("django.resolver.finished", "orders/")
    with trail.crossing(f"{MIDDLEWARE[3][0]}.process_view", thread):
        trail.add("django.hook.started", MIDDLEWARE[3][0], "process_view")
        trail.wait(60)
        trail.add("django.hook.finished", MIDDLEWARE[3][0], "process_view")
    view_started = trail.now
    with trail.crossing("shop.views.orders", thread, out=160):
        trail.add("django.view.started", "shop.views.orders", "sync")
        trail.wait(1500)
        trail.add("django.template.started", "shop/orders.html")
        trail.wait(1400)
        trail.add("django.template.finished", "shop/orders.html")
        trail.add("django.view.finished", "shop.views.orders")
    view_ended = trail.now
    for name, hooks in reversed(MIDDLEWARE):
        if "process_response" in hooks:
            with trail.crossing(f"{name}.process_response", thread):
                trail.add("django.hook.started", name, "process_response")
                trail.wait(80)
                trail.add("django.hook.finished", name, "process_response")
        trail.wait(20)
        trail.add("django.middleware.finished", name, 200)
    left = trail.wait(50)
    trail.sent("http.response.start", 200)
    trail.sent("http.response.body", 18204, False, took=240)
    with trail.crossing("django.http.response.HttpResponse.close", thread):
        trail.add("django.response.close")
        trail.wait(40)
    trail.wait(60)
    view = view_ended - view_started
    middleware = left - entered - view
    exchange = _exchange(
        trail,
        interface="asgi",
        server=ASGI_SERVER,
        handover=_handover("scope"),
        sizes=Sizes(body_bytes=18204, chunks=1, crossings=16),
        split=Split(entered - ORIGIN, middleware, view, trail.now - left),
        loop=Loop(2_100_000, trail.now - ORIGIN - 2_100_000, 18, 410_000),
    )
    return msgspec.structs.replace(exchange, **changes)


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
    exchange = _exchange(
        trail,
        interface="asgi",
        server=ASGI_SERVER,
        path="/events/",
        query="",
        match=Match("events/", "shop.views.events", "events", [], []),
        handover=_handover("scope", path="/events/", raw_path="/events/", query_string=""),
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
    handover = _handover("scope", **scope, subprotocols=["chat.v1"])
    kept = [entry for entry in handover.entries if entry[0] not in ("method", "scheme")]
    exchange = _exchange(
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
    exchange = _exchange(
        trail,
        method="POST",
        path="/pay/7/",
        query="",
        status=500,
        match=Match("pay/<int:order>/", "shop.views.pay", "pay", [], ["order"]),
        handover=_handover("environ", REQUEST_METHOD="POST", PATH_INFO="/pay/7/", QUERY_STRING=""),
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
    exchange = _exchange(
        trail,
        state="in_flight",
        ended=None,
        path="/report/",
        query="",
        status=None,
        match=Match("report/", "shop.views.report", "report", [], []),
        handover=_handover("environ", PATH_INFO="/report/", QUERY_STRING=""),
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
        handover=_handover("environ", PATH_INFO=f"/{text}", HTTP_COOKIE=text, **{f"HTTP_{text}": text}),
        headers=[[text, text]],
        failure=Failure(text, text, [Frame(text, 1, text, text)], text, False),
        unseen=[text],
    )
    return msgspec.structs.replace(exchange, **changes)


EVERY_KIND = (wsgi_page, asgi_page, stream, websocket, failure, in_flight, interrupted)


def keep(store: Store, *exchanges: Exchange) -> None:
    """Put them where the panel reads."""
    store.write([store.pack(exchange) for exchange in exchanges])
