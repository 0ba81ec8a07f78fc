"""The panel over a real store file that others write, hold, replace or damage meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.test import Client

import factories
from django_gateway.exchange import format_id
from django_gateway.stores import Capacity
from django_gateway.stores.sqlite import SQLiteStore
from panels import installed

EXCHANGE = factories.wsgi_page()
PAGES = ("/", "/routes/", f"/exchanges/{format_id(EXCHANGE.id)}/", "/api/exchanges/", "/settings/", "/topology/")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "exchanges.sqlite3"
    fill(path)
    return path


@pytest.fixture
def client(file: Path, tmp_path: Path) -> Iterator[Client]:
    store = SQLiteStore(file, Capacity())
    with installed(store, tmp_path) as client:
        assert [client.get(page).status_code for page in PAGES] == [200] * len(PAGES)
        yield client
    store.close()


def fill(path: Path) -> None:
    store = SQLiteStore(path, Capacity())
    factories.keep(store, EXCHANGE)
    store.close()


def remove(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        if each.is_file():
            each.unlink()


def test_one_that_is_being_written(client: Client, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM exchange")
        assert [client.get(page).status_code for page in PAGES] == [200] * len(PAGES)
        assert "/orders/" in client.get("/").content.decode()
        other.execute("ROLLBACK")


def test_one_that_is_held(client: Client, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.post("/clear/")
        assert answer.status_code == 503
        assert "held by another process" in answer.content.decode()
    assert "/orders/" in client.get("/").content.decode()


def test_one_that_is_gone(client: Client, file: Path) -> None:
    remove(file)
    statuses = {page: client.get(page).status_code for page in PAGES}
    assert statuses.pop(PAGES[2]) == 404
    assert set(statuses.values()) == {200}


def test_one_that_is_replaced_by_another(client: Client, file: Path) -> None:
    remove(file)
    fill(file)
    assert [client.get(page).status_code for page in PAGES] == [200] * len(PAGES)


def test_one_that_is_no_store_any_more(client: Client, file: Path) -> None:
    remove(file)
    file.write_bytes(b"no database at all" * 1000)
    for page in ("/", "/routes/", "/api/exchanges/"):
        answer = client.get(page)
        assert answer.status_code == 503, page
        assert file.name in answer.content.decode()
