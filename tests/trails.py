"""What exchanges for tests are built of: a clock, events at its instants, and a handover."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django_gateway.exchange import (
    Exchange,
    Handover,
    Match,
    Server,
    Sizes,
    Split,
)

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


PAGE_HEADERS: list[Any] = [
    ["Content-Type", "text/html; charset=utf-8"],
    ["X-Frame-Options", "DENY"],
    ["Content-Length", "18204"],
    ["Vary", "Cookie"],
    ["X-Content-Type-Options", "nosniff"],
    ["Set-Cookie", f"csrftoken={HIDDEN}; Path=/; SameSite=Lax"],
]


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


def handover(kind: str, **changes: Any) -> Handover:
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


def make(trail: Trail, **fields: Any) -> Exchange:
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
        "handover": handover("environ"),
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
