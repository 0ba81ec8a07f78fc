"""An exchange as JSON: the keys that design and documentation promise, times in milliseconds, None for the unknown."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import factories
import trails
from django_gateway.document import document, row
from django_gateway.documented import moment, ms
from django_gateway.exchange import Scheduler, format_id, summarise

EVERY_KIND = pytest.mark.parametrize("make", factories.EVERY_KIND, ids=lambda make: str(make.__name__))

#: The keys that the design names.
PROMISED = [
    "id",
    "interface",
    "type",
    "state",
    "started_at",
    "duration_ms",
    "method",
    "path",
    "query",
    "status",
    "server",
    "client",
    "handover",
    "middleware",
    "crossings",
    "view",
    "route",
    "scheduler",
    "loop",
    "response",
    "messages",
    "close",
    "proxy",
    "events",
    "exception",
    "findings",
]

REFERENCE = Path(__file__).parents[1] / "docs/reference/exchange.md"


@EVERY_KIND
def test_every_key_is_there_and_json_takes_it(make: Any) -> None:
    exchange = make()
    told = json.loads(json.dumps(document(exchange), allow_nan=False))
    assert set(PROMISED) <= told.keys()
    assert told["id"] == format_id(exchange.id)
    assert told["state"] == exchange.state


@EVERY_KIND
def test_a_row_has_scalars_alone_and_says_the_same(make: Any) -> None:
    exchange = make()
    told, whole = row(summarise(exchange)), document(exchange)
    json.dumps(told, allow_nan=False)
    assert all(value is None or isinstance(value, (str, int, float)) for value in told.values())
    for key in ("id", "interface", "type", "state", "started_at", "duration_ms", "method", "path", "query", "status"):
        assert told[key] == whole[key]
    assert told["server"] == whole["server"]["name"]
    assert told["pid"] == whole["server"]["pid"]
    assert told["crossings"] == len(whole["crossings"])
    assert told["exception"] == (whole["exception"] and whole["exception"]["type"])
    parts = sum(value for key, value in told.items() if key in PARTS)
    if told["interface"] != "cgi" and told["state"] == "finished":
        assert parts == pytest.approx(told["duration_ms"], abs=0.001)


PARTS = ("process_ms", "interface_ms", "middleware_ms", "view_ms", "body_ms")


def test_a_page_in_full() -> None:
    exchange = factories.wsgi_page()
    told = document(exchange)
    assert told["started_at"] == "2026-05-04T07:52:12.118Z"
    assert told["duration_ms"] == pytest.approx((exchange.ended or 0) / 1e6 - exchange.started / 1e6, abs=0.001)
    assert told["server"] == {
        "name": "WSGIServer",
        "version": "0.2",
        "pid": 4711,
        "thread": "Thread-3 (process_request_thread)",
        "host": "workstation",
    }
    assert [layer["name"].rpartition(".")[2] for layer in told["middleware"]][:2] == [
        "SecurityMiddleware",
        "SessionMiddleware",
    ]
    for layer in told["middleware"]:
        assert layer["mode"] == "sync"
        assert layer["self_ms"] == pytest.approx(layer["before_ms"] + layer["after_ms"], abs=0.001)
    assert told["view"] == {"name": "shop.views.orders", "mode": "sync", "ms": 2.73}
    assert told["route"] == told["match"]["route"] == "orders/"
    scheduler = told["scheduler"]
    assert (scheduler["running_ms"], scheduler["ready_ms"]) == (3.9, 0.21)
    assert (scheduler["voluntary"], scheduler["involuntary"]) == (6, 2)
    assert told["loop"] is None
    assert told["response"]["body_bytes"] == 18204
    assert told["response"]["headers"][0] == {
        "name": "Content-Type",
        "value": "text/html; charset=utf-8",
        "origin": None,
        "changed_by": [],
    }
    assert told["exception"] is None
    assert told["messages"] == []
    assert told["close"] is None
    assert [event["at_ms"] for event in told["events"]] == sorted(event["at_ms"] for event in told["events"])


def test_crossings_and_loop() -> None:
    told = document(factories.asgi_page())
    assert len(told["crossings"]) == 16
    for crossing in told["crossings"]:
        keys = {"direction", "function", "caller", "thread", "at_ms", "waited_ms", "ran_ms", "ahead"}
        assert crossing.keys() == keys
        assert crossing["direction"] == "to_thread"
        assert crossing["waited_ms"] > 0
    times = {"running_ms", "suspended_ms", "steps", "longest_step_ms"}
    assert told["loop"].keys() == times | {"longest_step_stack", "lag_ms", "held_up", "held_up_by"}
    assert told["loop"]["lag_ms"] is None
    assert told["scheduler"] is None


def test_the_socket() -> None:
    known = document(msgspec.structs.replace(factories.asgi_page(), descriptor=17))["socket"]
    assert known["descriptor"] == 17
    assert known["peer"]
    assert document(factories.wsgi_page())["socket"]["local"] == "shop.local:8000"
    unix = trails.handover("scope", server=["/run/app.sock", None])
    named = document(msgspec.structs.replace(factories.asgi_page(), handover=unix, client=None))["socket"]
    assert named == {"descriptor": None, "local": "/run/app.sock", "peer": None}
    silent = document(msgspec.structs.replace(factories.asgi_page(), handover=None))["socket"]
    assert silent["local"] is None
    assert document(msgspec.structs.replace(factories.asgi_page(), type="lifespan"))["socket"] is None


def test_messages_and_close() -> None:
    told = document(factories.websocket(received=2, sent=1))
    assert told["close"] == {"code": 1001, "by": "client", "reason": ""}
    assert [message["direction"] for message in told["messages"]] == ["received", "sent", "received"]
    assert all(message["at_ms"] > 0 for message in told["messages"])
    assert told["messages"][0]["type"] == "text"
    assert told["messages"][0]["size"] == len(told["messages"][0]["excerpt"])
    assert told["response"]["headers"]


def test_an_exception_with_its_frames() -> None:
    told = document(factories.failure())["exception"]
    assert told["type"] == "builtins.ZeroDivisionError"
    assert told["handled"] is True
    assert told["frames"][-1] == {
        "file": "/srv/shop/payments.py",
        "line": 12,
        "function": "charge",
        "code": "share = total / parts",
    }


def test_what_is_not_known_is_none_and_never_invented() -> None:
    told = document(factories.in_flight())
    for key in ("duration_ms", "status", "response", "scheduler", "loop", "close", "exception"):
        assert told[key] is None, key
    assert told["view"]["ms"] is None
    bare = msgspec.structs.replace(
        factories.in_flight(), handover=None, match=None, client=None, method=None, trail=[], unseen=["The body."]
    )
    told = document(bare)
    for key in ("handover", "match", "route", "view", "client", "method"):
        assert told[key] is None, key
    assert told["middleware"] == told["crossings"] == told["events"] == []
    assert told["unseen"] == ["The body."]


def test_a_kernel_that_does_not_tell() -> None:
    told = document(factories.wsgi_page(scheduler=Scheduler(1_000_000, None, 2_000_000, None, None)))
    assert told["scheduler"] == {
        "running_ms": 1.0,
        "ready_ms": None,
        "sleeping_ms": 2.0,
        "voluntary": None,
        "involuntary": None,
    }


def test_the_handover_with_and_without_an_explanation() -> None:
    exchange = factories.wsgi_page()
    told = document(exchange)["handover"]
    assert told["kind"] == "environ"
    assert {"key": "PATH_INFO", "value": "/orders/", "source": None} in told["entries"]
    asked: list[tuple[str, str, str | None]] = []

    def explain(kind: str, key: str, server: str | None) -> str:
        asked.append((kind, key, server))
        return f"about {key}"

    told = document(exchange, explain)["handover"]
    assert {"key": "PATH_INFO", "value": "/orders/", "source": "about PATH_INFO"} in told["entries"]
    assert ("environ", "PATH_INFO", "WSGIServer") in asked


def test_events_name_their_fields_and_times_end_in_ms() -> None:
    told = document(factories.asgi_page())["events"]
    start = next(event for event in told if event["name"] == "http.response.start")
    assert start.keys() == {"name", "at_ms", "status", "returned_ms"}
    assert start["returned_ms"] > start["at_ms"]
    crossing = next(event for event in told if event["name"] == "crossing.to_thread")
    assert crossing["at_ms"] < crossing["entered_ms"] < crossing["left_ms"] < crossing["returned_ms"]


@pytest.mark.parametrize(("nanoseconds", "told"), [(0, 0.0), (1_234_567, 1.2346), (49, 0.0), (None, None)])
def test_milliseconds(nanoseconds: int | None, told: float | None) -> None:
    assert ms(nanoseconds) == told


def test_moments_are_utc_with_milliseconds() -> None:
    assert moment(0) == "1970-01-01T00:00:00.000Z"
    now = datetime.now(UTC)
    assert datetime.fromisoformat(moment(int(now.timestamp() * 1e9))) == pytest.approx(
        now, abs=datetime.resolution * 1000
    )


def test_the_reference_names_every_key() -> None:
    text = REFERENCE.read_text()
    missing = [key for key in document(factories.wsgi_page()) if not re.search(rf"\b{key}\b", text)]
    assert missing == []
