"""What the tabs of an exchange show, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import Client

import factories
import trails
from django_gateway.exchange import Exchange, Frame, format_id
from django_gateway.panel.libraries import is_library
from django_gateway.panel.tabs import events, handover, messages, middleware, response, threads
from django_gateway.panel.tabs.base import PAGE, Subject, page_of
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from exchange_pages import page, text_of
from panels import installed


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


# Handover


def test_the_request_is_put_together_again() -> None:
    found = handover.build(Subject(factories.asgi_page()), {})
    assert found["arrived"].line == "GET /orders/?page=2 HTTP/1.1"
    assert found["arrived"].headers[0] == ("Host", "shop.local:8000")
    found = handover.build(Subject(factories.wsgi_page()), {})
    assert found["arrived"].line == "GET /orders/?page=2 HTTP/1.1"
    assert ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/139.0") in found["arrived"].headers
    raw = trails.handover("environ", RAW_URI="/b%C3%BCro/?page=2", CONTENT_LENGTH="", CONTENT_TYPE="text/plain")
    arrived = handover.arrived(factories.wsgi_page(handover=raw), raw)
    assert arrived.line == "GET /b%C3%BCro/?page=2 HTTP/1.1"
    assert ("Content-Type", "text/plain") in arrived.headers
    # What wsgiref's servers put there where the client sent none.
    raw = trails.handover("environ", SERVER_SOFTWARE="WSGIServer/0.2", CONTENT_LENGTH="", CONTENT_TYPE="text/plain")
    arrived = handover.arrived(factories.wsgi_page(handover=raw), raw)
    assert "Content-Type" not in dict(arrived.headers)
    assert "Content-Length" not in dict(arrived.headers)


def test_keys_are_grouped_by_where_they_come_from() -> None:
    handed = trails.handover("environ", **{"gunicorn.socket": "<socket.socket>", "HOME": "/root", "Odd key": 1})
    groups = {
        each["key"]: [entry.key for entry in each["entries"]]
        for each in handover.build(Subject(factories.wsgi_page(handover=handed)), {})["groups"]
    }
    assert list(groups) == ["request", "headers", "interface", "server", "process", "unknown"]
    assert groups["process"] == ["HOME"]
    assert groups["server"] == ["gunicorn.socket"]
    assert groups["unknown"] == ["Odd key"]
    assert groups["headers"] == ["HTTP_HOST", "HTTP_USER_AGENT", "HTTP_ACCEPT", "HTTP_COOKIE"]
    scope = handover.build(Subject(factories.asgi_page()), {})["groups"]
    assert [entry.key for entry in scope[1]["entries"]] == ["host", "user-agent", "accept", "cookie"]


@pytest.mark.parametrize(
    ("value", "as_bytes", "expected"),
    [
        ("/orders/", False, '"/orders/"'),
        ('a"b\\c\n', False, '"a\\"b\\\\c\\n"'),
        ("page=2", True, 'b"page=2"'),
        ("<socket.socket>", False, "<socket.socket>"),
        ("<b>.</b>", False, "<b>.</b>"),
        (["127.0.0.1", 0], False, '["127.0.0.1", 0]'),
        (True, False, "True"),
        (None, False, "None"),
        ({"ü": 1}, False, '{"ü": 1}'),
    ],
)
def test_values_as_python_would_write_them(value: Any, as_bytes: bool, expected: str) -> None:
    assert handover.literal(value, as_bytes=as_bytes) == expected


def test_a_megabyte_is_shortened(program: Client, store: Store) -> None:
    handed = trails.handover("environ", HTTP_LONG="x" * 1_000_000)
    exchange = factories.wsgi_page(handover=handed, path="/" + "y" * 1_000_000)
    factories.keep(store, exchange)
    for tab in ("journey", "handover"):
        html = page(program, exchange, tab)
        assert len(html) < 150_000
    assert "1,000,0" in text_of(page(program, exchange, "handover"))


# Middleware, response, threads


def test_the_table_of_middleware() -> None:
    exchange = factories.asgi_page()
    found = middleware.build(Subject(exchange), {})
    session = found["layers"][1]
    assert (session.short, session.mode, session.before, session.after) == ("Session", "async", 250_000, 250_000)
    assert (session.crossings, session.cost) == (2, 300_000)
    assert session.hooks == [("process_request", 70_000), ("process_response", 80_000)]
    assert found["layers"][3].crossings == 3
    assert found["hops"] + len(found["others"]) == 16
    assert found["turned"] is None


def test_a_layer_that_answered_by_itself() -> None:
    origin = trails.ORIGIN
    trail: list[Any] = [
        ("django.middleware.started", origin, "a.Outer", "sync"),
        ("django.middleware.started", origin + 5, "a.Www", "sync"),
    ]
    trail += [
        ("django.middleware.finished", origin + 9, "a.Www", 301),
        ("django.middleware.finished", origin + 12, "a.Outer", 301),
    ]
    turned = middleware.build(Subject(factories.wsgi_page(trail=trail)), {})["turned"]
    assert turned is not None
    assert turned.name == "a.Www"


def test_the_response() -> None:
    found = response.build(Subject(factories.asgi_page()), {})
    assert (found["status"], found["phrase"]) == (200, "OK")
    assert found["chunks"].items[0] == {
        "number": 1,
        "at": 6_860_000,
        "size": 18204,
        "took": 240_000,
        "bar": 100.0,
        "by": "",
    }
    origins = {each["name"]: each["reason"] for each in found["headers"]}
    assert origins["X-Frame-Options"] == "XFrameOptionsMiddleware: X_FRAME_OPTIONS"
    failed = response.build(Subject(factories.failure()), {})
    assert failed["phrase"] == "Internal Server Error"
    assert response.build(Subject(factories.in_flight()), {})["unanswered"]


def test_states_of_a_thread_fill_a_bar() -> None:
    found = threads.build(Subject(factories.wsgi_page()), {})
    assert [each["name"] for each in found["states"]] == ["running", "ready", "sleeping"]
    assert sum(each["width"] for each in found["states"]) == pytest.approx(100, abs=0.01)
    assert found["loop_states"] == []
    found = threads.build(Subject(factories.asgi_page()), {})
    assert found["lines"][0]["thread"] == "asyncio_0"
    assert (found["lines"][0]["out"], found["lines"][0]["ran"], found["lines"][0]["back"]) == (90_000, 50_000, 60_000)


# Messages, events, pages


def test_a_conversation_of_fifty_thousand_is_paged(program: Client, store: Store) -> None:
    exchange = factories.websocket(received=25_000, sent=25_000)
    factories.keep(store, exchange)
    html = page(program, exchange, "messages", page="3")
    assert html.count('<li class="turn ') == PAGE
    assert "1001 to 1500 of 50003" in text_of(html)
    assert len(html) < 300_000
    assert len(page(program, exchange)) < 400_000


def test_messages_can_be_looked_for() -> None:
    subject = Subject(factories.websocket())
    found = messages.build(subject, {"find": "Hello 1", "direction": "in"})
    assert [line["text"] for line in found["lines"]] == [f'{{"message": "hello {n}"}}' for n in (1, 10, 11, 12, 13)]
    assert found["page_query"] == "&find=Hello+1&direction=in"
    whole = messages.build(subject, {"direction": "sideways"})
    assert whole["messages"].total == 39
    assert [line["text"] for line in whole["lines"] if line["control"]] == [
        "asks to connect",
        "accepts, speaking chat.v1",
        "is gone: 1001 (going away)",
    ]
    assert whole["closing"]["name"] == "going away"


def test_events_have_places_and_names_for_their_fields() -> None:
    lines = events.build(Subject(factories.asgi_page()), {})["lines"]
    assert {line["place"] for line in lines} == {
        "hop",
        "interface",
        "body",
        "middleware",
        "resolver",
        "view",
        "template",
    }
    crossing = next(line for line in lines if line["name"] == "crossing.to_thread")
    assert [field["name"] for field in crossing["fields"]] == ["function", "thread", "entered", "left", "returned"]
    assert crossing["fields"][2]["at"] == 210_000
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)


@pytest.mark.parametrize(
    ("asked", "number"), [("", 1), ("2", 2), ("3", 3), ("99", 3), ("-1", 1), ("x", 1), ("²", 1), ("9" * 40, 3)]
)
def test_pages(asked: str, number: int) -> None:
    found = page_of(range(25), {"page": asked}, size=10)
    assert (found.number, found.pages, found.total) == (number, 3, 25)
    assert list(found.items) == list(range(25))[(number - 1) * 10 : number * 10]
    assert (found.first, found.last) == ((number - 1) * 10 + 1, min(number * 10, 25))
    assert page_of([], {"page": asked}).pages == 1


# Failure


def test_calls_inside_libraries_are_folded(program: Client, store: Store) -> None:
    own = Frame("/srv/shop/views.py", 41, "pay", "return charge(order)")
    library = Frame("/srv/.venv/lib/python3.12/site-packages/asgiref/sync.py", 5, "run", "x")
    assert [is_library(frame) for frame in (own, library)] == [False, True]
    exchange = factories.failure()
    assert exchange.failure is not None
    exchange = msgspec.structs.replace(
        exchange, failure=msgspec.structs.replace(exchange.failure, frames=[library, library, own, library])
    )
    factories.keep(store, exchange)
    html = page(program, exchange, "failure")
    assert "2 calls inside libraries" in html
    assert html.count('class="call library raised"') == 1


# Where it is


@pytest.mark.parametrize(
    ("make", "told", "last"),
    [
        (factories.in_flight, "It has not ended.", "It is in"),
        (factories.interrupted, "ended while it was here", "It was in"),
    ],
)
def test_where_it_is(program: Client, store: Store, make: Callable[[], Exchange], told: str, last: str) -> None:
    own = Frame("/srv/shop/views.py", 41, "pay", "return charge(order)")
    library = Frame("/usr/lib/python3.12/socket.py", 5, "recv_into", "self._sock.recv_into(b)")
    exchange = msgspec.structs.replace(make(), stack=[own, library])
    factories.keep(store, exchange)
    html = text_of(page(program, exchange, "stack"))
    assert told in html
    assert "return charge(order)" in html
    told = " ".join(text_of(page(program, exchange)).split()).replace(" ,", ",")
    assert f"{last} pay(), views.py, line 41." in told


def test_what_has_ended_is_nowhere(program: Client, store: Store) -> None:
    exchange = factories.wsgi_page()
    factories.keep(store, exchange)
    assert "tab=stack" not in page(program, exchange)


def test_the_socket(program: Client, store: Store) -> None:
    unknown = factories.wsgi_page()
    known = msgspec.structs.replace(factories.wsgi_page(), descriptor=17)
    factories.keep(store, unknown, known)
    assert "File descriptor17 the number by which process 4711 knew the connection" in text_of(
        page(program, known, "threads")
    )
    text = text_of(page(program, unknown, "threads"))
    assert "File descriptor— not known" in text
    assert "Localshop.local:8000 its own end, as the server names it" in text


def test_how_late_the_loop_was(program: Client, store: Store) -> None:
    exchange = factories.asgi_page()
    assert exchange.loop is not None
    factories.keep(store, exchange)
    assert "The loop was late— not known" in text_of(page(program, exchange, "threads"))
    late = msgspec.structs.replace(factories.asgi_page(), loop=msgspec.structs.replace(exchange.loop, lag=12_000_000))
    factories.keep(store, late)
    assert "The loop was late12.0 ms at worst" in text_of(page(program, late, "threads"))


def test_who_waited_in_a_threads_queue_behind_whom(program: Client, store: Store) -> None:
    exchange = factories.asgi_page()
    factories.keep(store, exchange)
    assert "had to wait for others" not in text_of(page(program, exchange, "threads"))
    first, second = [event for event in exchange.trail if event[0] == "crossing.to_thread"][:2]
    queued = [("crossing.queued", first[1], first[3], 1), ("crossing.queued", second[1], second[3], 2)]
    exchange = msgspec.structs.replace(factories.asgi_page(), trail=[*exchange.trail, *queued])
    factories.keep(store, exchange)
    text = text_of(page(program, exchange, "threads"))
    assert "2 of these calls had to wait for others in the thread's queue." in text
    assert text.count("1 call was ahead") + text.count("2 calls were ahead") == 3
    assert "16 changes between event loop and thread" in text
    assert "crossing.queued" in page(program, exchange, "events")


def test_the_longest_step_and_whom_it_held_up(program: Client, store: Store) -> None:
    own = Frame("/srv/shop/views.py", 41, "pay", "time.sleep(0.2)")
    exchange = factories.asgi_page()
    assert exchange.loop is not None
    loop = msgspec.structs.replace(exchange.loop, longest_step=200_000_000, stack=[own], held_up=[17], held_up_by=[18])
    exchange = msgspec.structs.replace(exchange, loop=loop)
    factories.keep(store, exchange)
    html = page(program, exchange, "threads")
    assert "time.sleep(0.2)" in html
    assert f'href="/exchanges/{format_id(17)}/"' in html
    assert f'href="/exchanges/{format_id(18)}/?tab=threads"' in html
    assert "It was in pay(), views.py, line 41." in " ".join(text_of(page(program, exchange)).split()).replace(
        " ,", ","
    )
