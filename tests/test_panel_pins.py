"""Pinned exchanges: kept beside the store, whatever becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

import factories
from django_gateway.exchange import format_id, summarise
from django_gateway.panel.pins import MOST, Pins
from django_gateway.stores import Capacity, Store, StoreError
from django_gateway.stores.memory import MemoryStore
from panels import ORIGIN, browser, installed


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


def test_a_pinned_exchange_outlives_the_store(program: Client, store: Store, tmp_path: Path) -> None:
    kept = factories.websocket()
    address = f"/exchanges/{format_id(kept.id)}/"
    factories.keep(store, kept, factories.wsgi_page())
    assert program.post(f"{address}pin/", {"keep": "1"}).status_code == 303
    whole = store.get(kept.id)
    store.clear()
    page = program.get(address)
    assert page.status_code == 200
    assert "Unpin" in page.content.decode()
    listed = program.get("/").content.decode()
    assert 'id="pinned"' in listed
    assert listed.count(address) == 1
    assert Pins(tmp_path).get(kept.id) == whole
    assert Pins(tmp_path).rows() == [summarise(kept)]
    gone = program.post(f"{address}pin/", {"keep": "0"})
    assert gone.headers["Location"] == "/"
    assert program.get(address).status_code == 404
    assert list((tmp_path / "pinned").iterdir()) == []


def test_what_is_in_flight_is_pinned_later(program: Client, store: Store, tmp_path: Path) -> None:
    running = factories.in_flight()
    factories.keep(store, running)
    answer = program.post(f"/exchanges/{format_id(running.id)}/pin/", {"keep": "1"})
    assert answer.status_code == 409
    assert Pins(tmp_path).ids() == set()


def test_pins_are_bounded(tmp_path: Path) -> None:
    pins = Pins(tmp_path)
    first = factories.wsgi_page()
    for exchange in (first, *(factories.wsgi_page() for _ in range(MOST - 1))):
        pins.add(exchange)
    pins.add(first)
    with pytest.raises(StoreError, match="unpin one first"):
        pins.add(factories.wsgi_page())
    assert len(pins.rows()) == MOST


def test_what_nobody_can_read_is_left_out(tmp_path: Path) -> None:
    pins = Pins(tmp_path)
    kept = factories.wsgi_page()
    pins.add(kept)
    (tmp_path / "pinned" / f"{1:016x}.row").write_bytes(b"\xc1")
    (tmp_path / "pinned" / "notes.row").write_bytes(b"")
    assert [row.id for row in pins.rows()] == [kept.id]
    assert pins.get(1) is None
    assert pins.get(2) is None


def test_where_nothing_can_be_written_it_says_so(program: Client, store: Store, tmp_path: Path) -> None:
    (tmp_path / "pinned").write_text("in the way")
    kept = factories.wsgi_page()
    factories.keep(store, kept)
    answer = program.post(f"/exchanges/{format_id(kept.id)}/pin/", {"keep": "1"})
    assert answer.status_code == 503


def test_pinning_takes_a_token_and_a_form_of_our_own(program: Client, store: Store, tmp_path: Path) -> None:
    kept = factories.wsgi_page()
    factories.keep(store, kept)
    address = f"/exchanges/{format_id(kept.id)}/pin/"
    assert browser(ORIGIN).post(address, {"keep": "1"}).status_code == 403
    assert program.get(address).status_code == 405
    assert Pins(tmp_path).ids() == set()
