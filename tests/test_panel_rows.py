"""What a row says, and how its bar is drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import factories
from django_gateway.exchange import Exchange, Sizes, Split, summarise
from django_gateway.panel import rows
from django_gateway.panel.text import shown
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from panels import installed


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


def page(program: Client, query: dict[str, str] | None = None) -> str:
    response = program.get("/", query or {}, headers={"Accept": "text/html"})
    assert response.status_code == 200
    return response.content.decode()


def row(exchange: Exchange) -> rows.Row:
    return rows.row(summarise(exchange))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("/orders/?page=2", "/orders/?page=2"),
        ("/büro/日本/🎉", "/büro/日本/🎉"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\r\nb\tc\x00", "a\\r\\nb\\tc\\x00"),
        ("\x7f\x85\xa0", "\\x7f\\x85\\xa0"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("\u2066\u200b\ufeff\u2028", "\\u2066\\u200b\\ufeff\\u2028"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
        ("<b>", "<b>"),
        (200, "200"),
        (None, "None"),
    ],
)
def test_nothing_that_is_shown_acts(text: object, safe: str) -> None:
    assert shown(text) == safe
    assert shown(text).isprintable()


def test_long_text_is_shortened_and_says_so() -> None:
    assert shown("a" * 200) == "a" * 200
    assert shown("a" * 1_000_000) == "a" * 200 + "… (1,000,000 characters)"
    assert shown("\x00" * 300, 2) == "\\x00\\x00… (300 characters)"


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (
            factories.wsgi_page(),
            {"tag": "WSGI", "method": "GET", "target": "/orders/?page=2", "note": "shop.views.orders", "tone": "ok"},
        ),
        (factories.asgi_page(), {"tag": "ASGI", "note": "16 thread hops · shop.views.orders", "duration": "7.35 ms"}),
        (factories.stream(), {"note": "31 chunks · shop.views.events", "measure": None}),
        (
            factories.websocket(received=1_400),
            {"tag": "WS", "method": "", "status": "101", "measure": None, "target": "/chat/lobby/"},
        ),
        (
            factories.failure(),
            {"note": "ZeroDivisionError · shop.views.pay", "status": "500", "tone": "server", "method": "POST"},
        ),
        (factories.in_flight(), {"note": "in flight · shop.views.report", "status": "…", "tone": "open"}),
        (
            factories.interrupted(),
            {"note": "interrupted · shop.views.report", "status": "—", "tone": "none", "duration": ""},
        ),
        (factories.wsgi_page(status=404, match=None), {"note": "no route matched", "tone": "client"}),
        (factories.wsgi_page(status=302), {"tone": "redirect"}),
        (factories.wsgi_page(interface="cgi"), {"tag": "CGI"}),
        (factories.wsgi_page(type="lifespan", interface="asgi", status=None), {"target": "lifespan", "tone": "ok"}),
        (
            factories.wsgi_page(sizes=Sizes(crossings=1, dropped=1200), match=None),
            {"note": "1 thread hop · 1,200 events dropped"},
        ),
    ],
)
def test_what_a_row_says(exchange: Exchange, expected: dict[str, Any]) -> None:
    found = row(exchange)
    assert {key: found[key] for key in expected} == expected  # type: ignore[literal-required]


def test_a_websocket_tells_its_messages_and_how_long_it_was_open() -> None:
    assert row(factories.websocket(received=1_400, sent=2))["note"].startswith("1,400 in · 2 out · open ")
    assert row(factories.websocket(state="in_flight", ended=None))["note"].startswith("open · 14 in · 22 out")


def test_times_are_the_machines_own_and_exact() -> None:
    found = row(factories.wsgi_page())
    assert found["at"] == "2026-05-04T07:52:12.118+00:00"
    assert re.fullmatch(r"\d\d:\d\d:12\.118", found["time"])


def test_everything_in_a_row_is_harmless() -> None:
    found = row(factories.hostile("a\x1b\u202e\n" * 1000))
    for key, value in found.items():
        if isinstance(value, str):
            assert value.isprintable(), key
            assert len(value) < 2_000, key


@pytest.mark.parametrize("make", [factories.wsgi_page, factories.asgi_page, factories.failure, factories.stream])
def test_a_bar_has_no_gap_and_its_exchanges_width(make: Any) -> None:
    found = row(make())
    longest = 8_000_000
    segments = rows.bar(found, longest)
    measure = found["measure"]
    assert segments[0]["x"] == 0
    for one, other in pairwise(segments):
        assert one["x"] + one["width"] == other["x"]
    width = segments[-1]["x"] + segments[-1]["width"]
    assert width == (rows.BAR if measure is None else round(rows.BAR * (measure / longest) ** 0.5))
    assert [segment["place"] for segment in segments] == [p for p in rows.PLACES if p in {s["place"] for s in segments}]


def test_a_bar_is_never_too_narrow_to_see_nor_wider_than_its_place() -> None:
    found = row(factories.wsgi_page())
    assert sum(part["width"] for part in rows.bar(found, 10**12)) == rows.NARROWEST
    assert sum(part["width"] for part in rows.bar(found, 1)) == rows.BAR


def test_nothing_measured_nothing_drawn() -> None:
    assert rows.bar(row(factories.in_flight()), 1) == []
    assert rows.bar(row(factories.wsgi_page(split=Split())), 1) == []


def test_streams_and_websockets_do_not_dwarf_the_rest() -> None:
    page = row(factories.wsgi_page())
    assert rows.scale([page, row(factories.stream()), row(factories.websocket())]) == page["measure"]
    assert rows.scale([]) == 1
