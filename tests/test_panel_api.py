"""The list and one exchange, as programs see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import factories
from django_gateway.exchange import format_id
from django_gateway.stores import Capacity, Store, StoreError
from django_gateway.stores.memory import MemoryStore
from panels import installed

HOSTILE = "<script>alert(1)</script>\"'&\x1b[2J\r\n\u202e\x00"


class BrokenStore:
    """What a store does whose file is damaged or held by somebody."""

    location = "sqlite:///srv/exchanges.sqlite3"
    flight: Path | None = None

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise StoreError("The store is damaged: delete the file, a new one is made.")

    get = page = since = clear = statistics = write = pack = attach = attach_all = find = forget = forgotten = _fail

    def close(self) -> None: ...


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


def ids(answer: Any) -> list[str]:
    return [exchange["id"] for exchange in answer.json()["exchanges"]]


def test_newest_first(program: Client, store: Store) -> None:
    exchanges = [make() for make in factories.EVERY_KIND]
    factories.keep(store, *exchanges)
    answer = program.get("/api/exchanges/")
    assert answer["Content-Type"] == "application/json"
    assert ids(answer) == [format_id(exchange.id) for exchange in reversed(exchanges)]
    assert answer.json()["next"] is None


def test_an_empty_store_is_an_empty_list(program: Client) -> None:
    assert program.get("/api/exchanges/").json() == {"exchanges": [], "next": None}


def test_a_row_has_scalars_alone(program: Client, store: Store) -> None:
    factories.keep(store, factories.asgi_page())
    (row,) = program.get("/api/exchanges/").json()["exchanges"]
    assert row["interface"] == "asgi"
    assert row["method"] == "GET"
    assert row["path"] == "/orders/"
    assert row["query"] == "page=2"
    assert row["status"] == 200
    assert row["duration_ms"] == 7.35
    assert not [key for key, value in row.items() if isinstance(value, list)]


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ({"q": "status:5xx"}, ["/pay/7/"]),
        ({"status": "5xx"}, ["/pay/7/"]),
        ({"status": ">=500", "method": "post"}, ["/pay/7/"]),
        ({"interface": "asgi", "type": "http", "hops": ">8"}, ["/orders/"]),
        ({"q": "interface:asgi", "chunks": "2..50"}, ["/events/"]),
        ({"q": "-type:http"}, ["/chat/lobby/"]),
        ({"path": "/pay/"}, ["/pay/7/"]),
        ({"q": "/pay"}, ["/pay/7/"]),
        ({"exception": "ZeroDivision"}, ["/pay/7/"]),
        ({"query": '"'}, []),
        ({"state": "in_flight"}, ["/report/"]),
        ({"status": "500", "state": "in_flight"}, []),
    ],
)
def test_filters_of_both_kinds(query: dict[str, str], paths: list[str], program: Client, store: Store) -> None:
    factories.keep(store, *(make() for make in factories.EVERY_KIND))
    answer = program.get("/api/exchanges/", query)
    assert [exchange["path"] for exchange in answer.json()["exchanges"]] == paths


def test_an_exchange_is_found_by_its_id(program: Client, store: Store) -> None:
    exchange = factories.wsgi_page()
    factories.keep(store, exchange, factories.wsgi_page())
    assert ids(program.get("/api/exchanges/", {"id": format_id(exchange.id)})) == [format_id(exchange.id)]


@pytest.mark.parametrize(
    ("query", "parameter", "position", "words"),
    [
        ("q=status:5xx%20hops:many", "q", 11, "hops"),
        ("q=colour:red", "q", 0, "there are interface"),
        ("q=path:%22a", "q", 5, "quote"),
        ("status=9x", "status", None, "404"),
        ("status=", "status", None, "value"),
        ("duration=slow", "duration", None, "number"),
        ("colour=red", "colour", None, "there are q, before, limit, interface"),
        ("limit=0", "limit", None, "1 to 500"),
        ("limit=501", "limit", None, "1 to 500"),
        ("limit=-1", "limit", None, "1 to 500"),
        ("limit=9999999999999999999999", "limit", None, "1 to 500"),
        ("limit=%D9%A3", "limit", None, "1 to 500"),
        ("before=5", "before", None, "sixteen"),
        ("id=5", "id", None, "sixteen"),
        ("%00=1", "\0", None, "parameter"),
    ],
)
def test_what_cannot_be_read_is_said(
    query: str, parameter: str, position: int | None, words: str, program: Client
) -> None:
    answer = program.get(f"/api/exchanges/?{query}")
    assert answer.status_code == 400
    problem = answer.json()
    assert words in problem["error"]
    assert problem["parameter"] == parameter
    assert problem["position"] == position


def test_pages_go_to_the_end_and_keep_the_filter(program: Client, store: Store) -> None:
    made = [factories.wsgi_page() if number % 2 else factories.failure() for number in range(25)]
    factories.keep(store, *made)
    address: str | None = "/api/exchanges/?status=200&limit=5"
    seen: list[str] = []
    pages = 0
    while address:
        answer = program.get(address)
        seen += ids(answer)
        address = answer.json()["next"]
        pages += 1
    assert seen == [format_id(exchange.id) for exchange in reversed(made) if exchange.status == 200]
    assert pages == 3


def test_one_exchange(program: Client, store: Store) -> None:
    exchange = factories.asgi_page()
    factories.keep(store, exchange)
    answer = program.get(f"/api/exchanges/{format_id(exchange.id)}/")
    assert answer["Content-Type"] == "application/json"
    document = answer.json()
    assert document["id"] == format_id(exchange.id)
    assert len(document["crossings"]) == 16
    assert document["handover"]["kind"] == "scope"
    sources = {entry["key"]: entry["source"] for entry in document["handover"]["entries"]}
    assert "request line" in sources["path"]
    assert all(sources.values())


def test_an_exchange_that_is_gone_says_so(program: Client) -> None:
    answer = program.get(f"/api/exchanges/{format_id(7)}/")
    assert answer.status_code == 404
    assert "pruned" in answer.json()["error"]


def test_hostile_text_arrives_as_it_was_and_can_do_nothing(program: Client, store: Store) -> None:
    exchange = factories.hostile(HOSTILE)
    factories.keep(store, exchange)
    for address in ("/api/exchanges/", f"/api/exchanges/{format_id(exchange.id)}/"):
        answer = program.get(address)
        answer.content.decode("ascii")
        document = answer.json()
        row = document["exchanges"][0] if "exchanges" in document else document
        assert row["path"] == f"/{HOSTILE}"


def test_a_store_that_cannot_be_read_is_no_error_of_ours(tmp_path: Path) -> None:
    with installed(BrokenStore(), tmp_path) as program:
        for address in ("/api/exchanges/", f"/api/exchanges/{format_id(7)}/", "/live/poll"):
            answer = program.get(address)
            assert answer.status_code == 503
            assert "delete the file" in answer.json()["error"]
        assert program.get("/").status_code == 503


def test_a_slash_that_was_left_out(program: Client) -> None:
    answer = program.get("/api/exchanges?limit=5&q=%2F")
    assert (answer.status_code, answer["Location"]) == (301, "/api/exchanges/?limit=5&q=%2F")
    assert program.get("/api/nowhere").status_code == 404
    assert program.get("/", PATH_INFO="//example.org/api").status_code == 404
