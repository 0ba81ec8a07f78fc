"""The list, one exchange and the live feed, as programs see them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import factories
from django_gateway.exchange import Summary, format_id
from django_gateway.panel import live
from django_gateway.stores import Capacity, Store, StoreError
from django_gateway.stores.memory import MemoryStore
from panels import installed

HOSTILE = "<script>alert(1)</script>\"'&\x1b[2J\r\n\u202e\x00"


class BrokenStore:
    """What a store does whose file is damaged or held by somebody."""

    location = "sqlite:///srv/exchanges.sqlite3"

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise StoreError("The store is damaged: delete the file, a new one is made.")

    get = page = since = clear = statistics = write = pack = _fail

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


# The list


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


# One exchange


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


# What comes in


def test_polling_tells_what_came_since(program: Client, store: Store) -> None:
    factories.keep(store, factories.wsgi_page())
    first = program.get("/live/poll").json()
    assert first["exchanges"] == []
    assert first["recorded"] == 1
    news = [factories.failure(), factories.asgi_page()]
    factories.keep(store, *news)
    second = program.get("/live/poll", {"cursor": first["cursor"]}).json()
    assert [exchange["id"] for exchange in second["exchanges"]] == [format_id(exchange.id) for exchange in news]
    assert second["exchanges"][1]["row"]["note"] == "16 thread hops · shop.views.orders"
    assert second["exchanges"][1]["row"]["href"] == f"/exchanges/{format_id(news[1].id)}/"
    third = program.get("/live/poll", {"cursor": second["cursor"]}).json()
    assert third["exchanges"] == []
    filtered = program.get("/live/poll", {"cursor": first["cursor"], "q": "status:5xx"}).json()
    assert [exchange["path"] for exchange in filtered["exchanges"]] == ["/pay/7/"]
    assert program.get("/live/poll", {"cursor": "x"}).status_code == 400


Event = tuple[str, str, Any]


def events(response: Any) -> Iterator[Event]:
    """(name, id, data) as a browser reads them: an id counts for the events after it."""
    name, last, data = "", "", ""
    for block in response.streaming_content:
        for line in block.decode().split("\n"):
            field, _, value = line.partition(": ")
            if not line and data:
                yield name, last, json.loads(data)
                name, data = "", ""
            elif field == "event":
                name = value
            elif field == "id":
                last = value
            elif field == "data":
                data = value


def test_a_stream_tells_each_exchange_and_where_to_resume(program: Client, store: Store) -> None:
    factories.keep(store, factories.wsgi_page())
    response = program.get("/live/")
    assert response["Content-Type"].startswith("text/event-stream")
    stream = events(response)
    name, before, data = next(stream)
    assert (name, data) == ("recorded", {"recorded": 1})
    news = [factories.failure(), factories.websocket()]
    factories.keep(store, *news)
    told = [next(stream), next(stream)]
    assert [(name, data["id"]) for name, _, data in told] == [("exchange", format_id(new.id)) for new in news]
    assert told[1][2]["row"]["tag"] == "WS"
    response.close()

    # From the id that the browser held while they came, they come again.
    again = program.get("/live/", headers={"Last-Event-ID": before})
    stream = events(again)
    assert [next(stream)[2]["id"], next(stream)[2]["id"]] == [format_id(new.id) for new in news]
    again.close()
    later = program.get("/live/", {"cursor": before, "q": "type:websocket"})
    assert next(events(later))[2]["id"] == format_id(news[1].id)
    later.close()


@pytest.mark.parametrize("address", ["/live/?q=hops:x", "/live/?cursor=-1", "/live/?cursor=%00", "/live/?colour=1"])
def test_a_stream_of_nonsense_is_refused_at_once(address: str, program: Client) -> None:
    assert program.get(address).status_code == 400


def test_a_stream_says_when_the_store_fails_and_when_it_is_back(tmp_path: Path) -> None:
    class Flaky(MemoryStore):
        broken = False

        def since(self, cursor: int, *, limit: int = 200) -> tuple[int, list[Summary]]:
            if self.broken:
                raise StoreError("held by another process")
            return super().since(cursor, limit=limit)

    store = Flaky(Capacity())
    with installed(store, tmp_path) as program:
        response = program.get("/live/")
        stream = events(response)
        assert next(stream)[0] == "recorded"
        store.broken = True
        assert next(stream)[::2] == ("trouble", {"message": "held by another process"})
        store.broken = False
        assert next(stream)[::2] == ("trouble", {"message": ""})
        response.close()


def test_a_stream_ends_when_the_server_drains(program: Client) -> None:
    draining = threading.Event()
    environ: dict[str, Any] = {live.DRAINING: draining}
    response = program.get("/live/", **environ)
    stream = iter(response.streaming_content)  # type: ignore[attr-defined]
    next(stream)
    draining.set()
    assert list(stream) == []


def test_a_stream_ends_when_the_client_has_left(program: Client) -> None:
    client, server = socket.socketpair()
    environ: dict[str, Any] = {live.CONNECTION: server}
    with server:
        response = program.get("/live/", **environ)
        stream = iter(response.streaming_content)  # type: ignore[attr-defined]
        next(stream)
        next(stream)
        client.close()
        for _ in stream:
            pass


def test_a_stream_ends_after_a_while(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LONGEST", 0.0)
    response = program.get("/live/")
    assert b"".join(response.streaming_content) == b"retry: 1000\n\n"  # type: ignore[attr-defined]


def test_a_silent_stream_shows_that_it_lives(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.0)
    response = program.get("/live/")
    blocks = iter(response.streaming_content)  # type: ignore[attr-defined]
    assert next(block for block in blocks if block.startswith(b":")) == b": still here\n\n"
    response.close()


def test_streams_are_bounded_and_their_places_given_back(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_streams", threading.BoundedSemaphore(2))
    first, second = program.get("/live/"), program.get("/live/")
    refused = program.get("/live/")
    assert refused.status_code == 503
    assert refused["Retry-After"] == "10"
    # Whether it was read or not, once or twice.
    first.close()
    first.close()
    next(iter(second.streaming_content))  # type: ignore[attr-defined]
    second.close()
    third, fourth = program.get("/live/"), program.get("/live/")
    assert [third.status_code, fourth.status_code] == [200, 200]
    third.close()
    fourth.close()


def test_asking_for_the_head_of_a_stream_ends(program: Client) -> None:
    response = program.head("/live/")
    assert response.status_code == 200
    assert not response.streaming
