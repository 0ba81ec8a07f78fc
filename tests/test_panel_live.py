"""What comes in, as it comes in."""

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


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


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


def test_polling_tells_what_is_gone(program: Client, store: Store) -> None:
    seen = factories.wsgi_page(interface="proxy")
    factories.keep(store, seen)
    first = program.get("/live/poll").json()
    assert first["forgotten"] == []
    store.forget([seen.id])
    second = program.get("/live/poll", {"cursor": first["cursor"]}).json()
    assert second["forgotten"] == [format_id(seen.id)]
    assert program.get("/live/poll", {"cursor": second["cursor"]}).json()["forgotten"] == []


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


def test_a_stream_tells_what_is_gone_after_what_came(program: Client, store: Store) -> None:
    seen = factories.wsgi_page(interface="proxy")
    factories.keep(store, seen)
    response = program.get("/live/")
    stream = events(response)
    assert next(stream)[0] == "recorded"
    both = factories.wsgi_page()
    factories.keep(store, both)
    store.forget([seen.id])
    told = [next(stream), next(stream)]
    assert [name for name, _, _ in told] == ["exchange", "forgotten"]
    assert told[1][2] == {"ids": [format_id(seen.id)]}
    response.close()


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
