"""The exchange page: each tab for each kind of exchange, neighbours, and what hostile input leaves in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest
from django.test import Client

import factories
import trails
from django_gateway.exchange import Exchange, Handover, format_id, summarise
from django_gateway.panel.neighbours import neighbours
from django_gateway.panel.tabs.base import PAGE, Subject
from django_gateway.panel.views.exchange import TABS
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from exchange_pages import Reader, page, text_of
from panels import installed

MS = trails.MILLISECOND


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


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
