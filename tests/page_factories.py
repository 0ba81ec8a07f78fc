"""One page, served through WSGI, through ASGI and through CGI."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from django_gateway.exchange import (
    Exchange,
    Loop,
    Scheduler,
    Server,
    Sizes,
    Split,
)
from trails import ASGI_SERVER, MICROSECOND, MIDDLEWARE, MILLISECOND, ORIGIN, Trail, handover, make

#: What decides on a request's address, of a project fresh from startproject, as a fact.
REQUEST: Final = [
    "django.request",
    {
        "DEBUG": True,
        "ALLOWED_HOSTS": [".shop.example", "shop.local"],
        "SECURE_PROXY_SSL_HEADER": None,
        "USE_X_FORWARDED_HOST": False,
        "USE_X_FORWARDED_PORT": False,
        "FORCE_SCRIPT_NAME": None,
    },
]


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
    exchange = make(
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
    exchange = make(
        trail,
        interface="asgi",
        server=ASGI_SERVER,
        handover=handover("scope"),
        sizes=Sizes(body_bytes=18204, chunks=1, crossings=16),
        split=Split(entered - ORIGIN, middleware, view, trail.now - left),
        loop=Loop(2_100_000, trail.now - ORIGIN - 2_100_000, 18, 410_000),
    )
    return msgspec.structs.replace(exchange, **changes)


def cgi_page(**changes: Any) -> Exchange:
    """The page under CGI: a process that took 140 ms to get ready, and a form on its standard input."""
    page = wsgi_page()
    ready, recorder, application, shift = (number * MILLISECOND for number in (20, 45, 140, 141))
    trail: list[Any] = [
        ("cgi.process.started", ORIGIN, "kernel"),
        ("cgi.interpreter.ready", ORIGIN + ready, 14 * MILLISECOND),
        ("cgi.recorder.loaded", ORIGIN + recorder, 38 * MILLISECOND),
        ("cgi.application.loaded", ORIGIN + application, 131 * MILLISECOND, 680),
    ]
    # The view comes after all that; it reads what was sent.
    trail += [[event[0], event[1] + shift, *event[2:]] for event in page.trail]
    view = next(event[1] for event in trail if event[0] == "django.view.started")
    trail += [
        ("cgi.stdin.started", view + 100 * MICROSECOND),
        ("cgi.stdin.finished", view + 300 * MICROSECOND, 2_048, "colour=orange"),
    ]
    ended = (page.ended or 0) + shift + MILLISECOND
    trail.append(("cgi.process.finished", ended, 139 * MILLISECOND, 50_331_648, 2 * MILLISECOND))
    split = page.split
    exchange = msgspec.structs.replace(
        page,
        interface="cgi",
        server=Server("lighttpd", "1.4.69", 5120, "MainThread", "workstation"),
        trail=trail,
        ended=ended,
        split=Split(MILLISECOND, split.middleware, split.view, split.body, application),
    )
    return msgspec.structs.replace(exchange, **changes)
