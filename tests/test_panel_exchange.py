"""The exchange page: each tab for each kind of exchange, neighbours, and what hostile input leaves in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import factories
import trails
from django_gateway.exchange import Exchange, Frame, Handover, format_id, summarise
from django_gateway.panel.neighbours import neighbours
from django_gateway.panel.tabs import events, failure, handover, messages, middleware, response, threads
from django_gateway.panel.tabs.base import PAGE, Subject, page_of
from django_gateway.panel.views.exchange import TABS
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from panels import installed

MS = trails.MILLISECOND


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


def page(program: Client, exchange: Exchange, tab: str = "", status: int = 200, **query: str) -> str:
    answer = program.get(
        f"/exchanges/{format_id(exchange.id)}/",
        {**({"tab": tab} if tab else {}), **query},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == status
    return answer.content.decode()


def text_of(html: str) -> str:
    """What is read, without markup and line breaks."""
    found = Reader()
    found.feed(html)
    return " ".join("".join(found.parts).split())


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


# The page


@pytest.mark.parametrize("make", factories.EVERY_KIND)
def test_every_tab_of_every_kind(make: Callable[[], Exchange], program: Client, store: Store) -> None:
    exchange = make()
    factories.keep(store, exchange)
    shown = [tab for tab in TABS if tab.shows(exchange)]
    for tab in shown:
        html = page(program, exchange, tab.key)
        assert re.search(rf'<a href="\?tab={tab.key}" aria-current="page">', html)
        reader = Reader()
        reader.feed(html)
        names = [
            attributes["href"]
            for tag, attributes in reader.tags
            if tag == "a" and (attributes.get("href") or "").startswith("?tab=")
        ]
        assert [f"?tab={each.key}" for each in shown] == names[: len(shown)]
        # What the content security policy would refuse.
        assert [attributes for _, attributes in reader.tags if "style" in attributes] == []
        assert [name for _, attributes in reader.tags for name in attributes if name.startswith("on")] == []
        ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_tabs_are_those_that_have_something_to_show() -> None:
    def keys(exchange: Exchange) -> list[str]:
        return [tab.key for tab in TABS if tab.shows(exchange)]

    assert keys(factories.wsgi_page()) == ["journey", "handover", "middleware", "response", "threads", "events"]
    assert keys(factories.websocket()) == ["journey", "handover", "messages", "threads", "events"]
    assert keys(factories.failure(scheduler=None)) == [
        "journey",
        "handover",
        "middleware",
        "response",
        "failure",
        "events",
    ]
    assert "handover" not in keys(factories.wsgi_page(handover=None))


def test_lifespan_has_a_page_of_its_own(program: Client, store: Store) -> None:
    trail = trails.Trail()
    trail.add("lifespan.startup")
    trail.wait(400)
    trail.sent("lifespan.startup.complete")
    trail.wait(9_000_000)
    trail.add("lifespan.shutdown")
    trail.sent("lifespan.shutdown.failed", "the pool would not close")
    exchange = factories.stream(
        trail=trail.events, ended=trail.now, type="lifespan", method=None, path="", status=None, match=None, loop=None
    )
    factories.keep(store, exchange)
    assert [tab.key for tab in TABS if tab.shows(exchange)] == ["journey", "handover", "events"]
    text = text_of(page(program, exchange))
    assert "lifespan" in text
    assert "Daphne called asgi.py once for the life of this process" in text
    assert "the pool would not close" in text_of(page(program, exchange, "events"))
    for tab in TABS:
        if tab.shows(exchange):
            page(program, exchange, tab.key)


def test_an_unknown_tab_is_the_journey(program: Client, store: Store) -> None:
    exchange = factories.wsgi_page()
    factories.keep(store, exchange)
    assert 'id="plot"' in page(program, exchange, "messages")


def test_the_heading(program: Client, store: Store) -> None:
    exchange = factories.asgi_page()
    factories.keep(store, exchange)
    text = text_of(page(program, exchange))
    assert "GET /orders/?page=2 →answered 200" in text
    assert "ASGI http/1.1 7.35 ms view shop.views.orders (sync)" in text
    assert "daphne 4.2.3 · pid 903" in text


def test_what_is_not_there_says_so_and_leads_back(program: Client) -> None:
    for address, words in (("0123456789abcdef", "It may have been pruned"), ("nonsense", "sixteen hexadecimal digits")):
        answer = program.get(f"/exchanges/{address}/", headers={"Accept": "text/html"})
        assert answer.status_code == 404
        html = answer.content.decode()
        assert words in text_of(html)
        assert 'href="/"' in html


def test_it_needs_the_token(store: Store, tmp_path: Path) -> None:
    exchange = factories.wsgi_page()
    factories.keep(store, exchange)
    with installed(store, tmp_path):
        answer = Client(headers={"Host": "localhost"}).get(f"/exchanges/{format_id(exchange.id)}/")
    assert answer.status_code == 403
    assert b"orders" not in answer.content


def test_neighbours_keep_the_tab(program: Client, store: Store) -> None:
    older, exchange, newer = factories.wsgi_page(), factories.wsgi_page(), factories.wsgi_page()
    factories.keep(store, newer, older, exchange)
    html = page(program, exchange, "response")
    assert f'href="/exchanges/{format_id(newer.id)}/?tab=response" rel="prev"' in html
    assert f'href="/exchanges/{format_id(older.id)}/?tab=response" rel="next"' in html
    assert 'rel="prev"' not in page(program, newer)
    assert 'rel="next"' not in page(program, older)


@pytest.mark.parametrize("gap", [1, 4096, 60_000_000 << 12])
@pytest.mark.parametrize("many", [1, 39, 40, 41, 300])
def test_neighbours_in_stores_of_any_size(many: int, gap: int, store: Store) -> None:
    ids = [10**15 + number * gap for number in range(many)]
    factories.keep(store, *(factories.wsgi_page(id=number, trail=[]) for number in ids))
    for place in {0, 1, many // 2, many - 2, many - 1} & set(range(many)):
        newer = ids[place + 1] if place + 1 < many else None
        assert neighbours(store, ids[place]) == (newer, ids[place - 1] if place else None)


def test_what_could_not_be_seen_is_said(program: Client, store: Store) -> None:
    exchange = factories.wsgi_page(unseen=["The body: the server sends the file itself."])
    factories.keep(store, exchange)
    assert "the server sends the file itself" in text_of(page(program, exchange, "response"))


# Journey


def test_the_journey_reads_without_its_picture(program: Client, store: Store) -> None:
    exchange = factories.asgi_page()
    factories.keep(store, exchange)
    html = page(program, exchange)
    steps = text_of(html.split('<details class="in-words">')[1])
    assert "Middleware: SessionMiddleware. Async middleware: 0.25 ms of its own on the way in, 0.25 ms out." in steps
    assert "Its sync hooks ran in thread asyncio_0; changing there and back took 0.30 ms." in steps
    assert "URLconf: URLconf. Found the pattern orders/ in 80 µs; it leads to shop.views.orders." in steps
    reader = Reader()
    reader.feed(html)
    pieces = [
        attributes
        for tag, attributes in reader.tags
        if tag == "g" and "piece" in (attributes.get("class") or "").split()
    ]
    assert len(pieces) > 40
    assert [each["tabindex"] for each in pieces].count("0") == 1
    assert {each["role"] for each in pieces} == {"img"}


def test_in_flight_counts_up_to_now(program: Client, store: Store) -> None:
    import time

    exchange = factories.in_flight(started_at=time.time_ns() - 90 * 1_000 * MS)
    factories.keep(store, exchange)
    text = text_of(page(program, exchange))
    assert re.search(r"Not answered after (90\.\d s|1 min 3\d s)\.", text)
    assert "so far" in text


def test_two_thousand_events_stay_small(program: Client, store: Store) -> None:
    trail = trails.Trail()
    for _ in range(2_000):
        trail.wait(500)
        trail.sent("http.response.body", 1_000, True)
    exchange = factories.stream(trail=trail.events, ended=trail.now)
    factories.keep(store, exchange)
    assert len(page(program, exchange)) < 400_000
    assert page(program, exchange, "events").count("<tr>") == PAGE + 1


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
    origins = {each["name"]: each["origin"] for each in found["headers"]}
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
    assert [failure.is_library(frame) for frame in (own, library)] == [False, True]
    exchange = factories.failure()
    assert exchange.failure is not None
    import msgspec

    exchange = msgspec.structs.replace(
        exchange, failure=msgspec.structs.replace(exchange.failure, frames=[library, library, own, library])
    )
    factories.keep(store, exchange)
    html = page(program, exchange, "failure")
    assert "2 calls inside libraries" in html
    assert html.count('class="call library raised"') == 1


# Hostile input


ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{ 7 }}"


@pytest.mark.parametrize("evil", [ATTACK, "\u202e\u2066evil\x1b[2J\x00\u2028\ufeff", "ü" * 5_000, ""])
def test_whatever_was_recorded_is_harmless(evil: str, program: Client, store: Store) -> None:
    exchange = factories.hostile(evil)
    websocket = factories.websocket(
        trail=[
            ("websocket.receive", trails.ORIGIN + 5, evil, 5, evil),
            ("websocket.accept", trails.ORIGIN + 6, evil, trails.ORIGIN + 7),
            ("websocket.close", trails.ORIGIN + 8, 4000, evil, trails.ORIGIN + 9),
            (evil or "?", trails.ORIGIN + 9),
            ("crossing.to_thread", trails.ORIGIN + 1, evil, 3, trails.ORIGIN + 2, trails.ORIGIN + 3, trails.ORIGIN + 4),
        ],
        threads={3: evil},
        handover=Handover("scope", [[evil, evil], ["headers", [[evil, evil]]], ["query_string", evil]]),
    )
    factories.keep(store, exchange, websocket)
    for found in (exchange, websocket):
        for tab in TABS:
            if not tab.shows(found):
                continue
            html = page(program, found, tab.key)
            reader = Reader()
            reader.feed(html)
            assert [attributes for tag, attributes in reader.tags if tag == "script" and "src" not in attributes] == []
            assert [tag for tag, _ in reader.tags if tag == "img"] == []
            shown = unescape(html).replace("\n", "")
            assert [character for character in shown if not character.isprintable()] == []


def test_an_exchange_recorded_by_a_later_version() -> None:
    """Events and fields that are not known here are shown and break nothing."""
    exchange = factories.wsgi_page(
        trail=[("later.thing", trails.ORIGIN + 5, "x", 3), ("django.view.started", trails.ORIGIN + 6)]
    )
    for tab in TABS:
        if tab.shows(exchange):
            tab.build(Subject(exchange), {})
    assert summarise(exchange).id == exchange.id
