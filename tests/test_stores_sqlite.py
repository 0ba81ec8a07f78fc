"""The SQLite store's file: made, deleted, replaced, and in trouble."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import factories
from contract import checked
from django_gateway.stores import Capacity, open_store
from django_gateway.stores.sqlite import SQLiteStore
from recorders import keep


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "exchanges.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path, Capacity())
    yield store
    store.close()


# The file


def test_nothing_is_made_before_something_is_kept(store: SQLiteStore, path: Path) -> None:
    assert store.page() == []
    assert store.statistics().exchanges == 0
    store.clear()
    assert not path.parent.exists()


def test_the_folder_ignores_itself_and_the_files_are_their_owners_alone(store: SQLiteStore, path: Path) -> None:
    before = os.umask(0)
    try:
        keep(store, factories.wsgi_page())
    finally:
        os.umask(before)
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    files = sorted(path.parent.glob("exchanges.sqlite3*"))
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "exchanges.sqlite3", Capacity())
    keep(store, factories.wsgi_page())
    assert not (tmp_path / ".gitignore").exists()
    store.close()


def test_it_is_read_again_after_closing(store: SQLiteStore, path: Path) -> None:
    exchange = factories.wsgi_page()
    keep(store, exchange)
    store.close()
    assert [summary.id for summary in store.page()] == [exchange.id]
    other = open_store(f"sqlite:///{path}")
    assert [summary.id for summary in other.page()] == [exchange.id]
    other.close()


def test_what_is_cleared_is_in_none_of_the_files(store: SQLiteStore, path: Path) -> None:
    def found(text: str) -> bool:
        return any(text.encode() in file.read_bytes() for file in path.parent.glob("exchanges.sqlite3*"))

    keep(store, *(factories.wsgi_page(path="/read", query="r" * 5_000) for _ in range(20)))
    assert len(store.page()) == 20
    keep(store, *(factories.wsgi_page(path="/never-read", query="n" * 5_000) for _ in range(20)))
    assert found("/read")
    assert found("/never-read")
    store.clear()
    assert not found("/read")
    assert not found("/never-read")
    keep(store, factories.wsgi_page())
    assert len(store.page()) == 1


# Deleted, replaced, of another version


@pytest.mark.parametrize("what", ["file", "files", "folder"])
def test_deleted_under_writer_and_reader(store: SQLiteStore, path: Path, what: str) -> None:
    reader = SQLiteStore(path, Capacity())
    keep(store, factories.wsgi_page(path="/before"))
    assert [summary.path for summary in reader.page()] == ["/before"]
    cursor, _ = reader.since(-1)
    files = [path] if what == "file" else list(path.parent.iterdir())
    for file in files:
        file.unlink()
    if what == "folder":
        path.parent.rmdir()
    assert reader.page() == []
    keep(store, factories.wsgi_page(path="/after"))
    for one in (store, reader):
        assert [summary.path for summary in one.page()] == ["/after"]
    # Whoever watched the old file sees what is new in this one.
    assert [summary.path for summary in reader.since(cursor)[1]] == ["/after"]
    reader.close()
    assert checked(path) == 1


def test_replaced_under_writer_and_reader(store: SQLiteStore, path: Path, tmp_path: Path) -> None:
    keep(store, factories.wsgi_page(path="/old"))
    assert [summary.path for summary in store.page()] == ["/old"]
    other = SQLiteStore(tmp_path / "other.sqlite3", Capacity())
    keep(other, factories.wsgi_page(path="/new"))
    other.close()
    for file in path.parent.glob("exchanges.sqlite3-*"):
        file.unlink()
    os.replace(tmp_path / "other.sqlite3", path)
    assert [summary.path for summary in store.page()] == ["/new"]
    keep(store, factories.wsgi_page(path="/newer"))
    assert [summary.path for summary in store.page()] == ["/newer", "/new"]


def test_a_file_of_another_version_is_emptied(store: SQLiteStore, path: Path) -> None:
    keep(store, factories.wsgi_page())
    store.close()
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA user_version = 1")
        plain.execute("DROP TABLE record")
        plain.execute("CREATE TABLE of_old (a)")
    assert store.page() == []
    exchange = factories.asgi_page()
    keep(store, exchange)
    assert [summary.id for summary in store.page()] == [exchange.id]
    assert checked(path) == 1
    with closing(sqlite3.connect(path)) as plain:
        assert ("of_old",) not in plain.execute("SELECT name FROM sqlite_master").fetchall()
