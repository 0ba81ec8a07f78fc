"""What was handed to the SQLite store and not read yet: searchable rows are made of it by whoever reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

import factories
from contract import forget, keep, paths, plain
from django_gateway.exchange import Exchange
from django_gateway.stores import Capacity, arrivals, connection
from django_gateway.stores.sqlite import SQLiteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exchanges.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path, Capacity())
    yield store
    store.close()


def pages(*names: object) -> list[Exchange]:
    return [factories.wsgi_page(path=f"/{name}") for name in names]


def lies(path: Path) -> tuple[int, int]:
    """How many exchanges are rows of the file, and how many have only arrived."""
    with closing(sqlite3.connect(path)) as plain_connection:
        query = "SELECT (SELECT COUNT(*) FROM exchange), (SELECT COALESCE(SUM(exchanges), 0) FROM arrival)"
        rows, arrived = plain_connection.execute(query).fetchone()
        return rows, arrived


def test_rows_are_made_when_somebody_reads(store: SQLiteStore, path: Path) -> None:
    first, second, third = pages("a", "b", "c")
    keep(store, first, second)
    keep(store, third)
    assert lies(path) == (0, 3)
    assert paths(store) == ["/c", "/b", "/a"]
    assert lies(path) == (3, 0)
    assert plain(store.get(second.id)) == plain(second)


@pytest.mark.parametrize("reading", ["get", "find", "since", "statistics", "forget"])
def test_every_way_to_read_finds_what_has_just_arrived(store: SQLiteStore, path: Path, reading: str) -> None:
    keep(store, *pages("before"))
    cursor, _ = store.since(-1)
    exchange = factories.wsgi_page(path="/just-now", request_id="abc")
    keep(store, exchange)
    assert lies(path) == (1, 1)
    if reading == "get":
        assert plain(store.get(exchange.id)) == plain(exchange)
    elif reading == "find":
        assert store.find(["abc"]) == {"abc": [exchange.id]}
    elif reading == "since":
        assert [summary.path for summary in store.since(cursor)[1]] == ["/just-now"]
    elif reading == "statistics":
        assert store.statistics().exchanges == 2
    else:
        store.forget([exchange.id])
        assert paths(store) == ["/before"]


def test_more_than_one_transaction_takes(store: SQLiteStore, path: Path) -> None:
    exchange = factories.wsgi_page(trail=[], handover=None, headers=None)
    for batch in range(9):
        keep(store, *(msgspec.structs.replace(exchange, id=exchange.id + batch * 512 + n) for n in range(512)))
    assert store.statistics().exchanges == 9 * 512
    assert lies(path) == (9 * 512, 0)


def test_a_batch_of_many_bytes_is_several_rows(store: SQLiteStore, path: Path) -> None:
    large = [factories.wsgi_page(path=f"/{number}", query="q" * 1_500_000) for number in range(4)]
    small = pages("small", "smaller")
    cursor, _ = store.since(-1)
    keep(store, *large[:3], *small, large[3])
    with closing(sqlite3.connect(path)) as other:
        rows = other.execute("SELECT exchanges, LENGTH(body) FROM arrival ORDER BY batch").fetchall()
    assert [exchanges for exchanges, _ in rows] == [1, 1, 3, 1]
    assert max(length for _, length in rows) < 7_000_000
    assert [summary.path for summary in store.since(cursor)[1]] == ["/0", "/1", "/2", "/small", "/smaller", "/3"]


def test_what_is_in_flight_is_a_row_at_once_and_replaced_by_its_end(store: SQLiteStore, path: Path) -> None:
    exchange = factories.in_flight(path="/slow")
    keep(store, exchange)
    assert lies(path) == (1, 0)
    ended = factories.wsgi_page(path="/slow")
    keep(store, msgspec.structs.replace(ended, id=exchange.id))
    assert [(summary.path, summary.state) for summary in store.page()] == [("/slow", "finished")]


def test_whoever_writes_what_can_not_be_kept_is_told(store: SQLiteStore, path: Path) -> None:
    before, broken = pages("before", "broken")
    with pytest.raises(OverflowError):
        keep(store, before, msgspec.structs.replace(broken, status=2**63))
    assert lies(path) == (0, 0)


def test_one_that_can_not_be_sorted_in_costs_no_other(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, broken, after = pages("before", "broken", "after")
    monkeypatch.setattr(arrivals, "_has_a_type", lambda value: True)
    keep(store, before, msgspec.structs.replace(broken, status=2**63), after)
    assert paths(store) == ["/after", "/before"]
    assert lies(path) == (2, 0)


def test_the_capacity_holds_where_nobody_reads(path: Path) -> None:
    store = SQLiteStore(path, Capacity(exchanges=200))
    exchanges = pages(*range(600))
    for position in range(0, 600, 8):
        keep(store, *exchanges[position : position + 8])
    forget(store)
    rows, arrived = lies(path)
    assert rows == 0, "none of them was sorted in"
    assert 200 <= arrived <= 210
    assert paths(store, limit=200) == [exchange.path for exchange in reversed(exchanges[-200:])]
    store.close()


def test_a_batch_that_is_far_beyond_the_capacity(path: Path) -> None:
    store = SQLiteStore(path, Capacity(exchanges=5))
    exchanges = pages(*range(700))
    keep(store, *exchanges)
    forget(store)
    assert paths(store) == [exchange.path for exchange in reversed(exchanges[-5:])]
    store.close()


def test_who_can_not_sort_in_misses_nothing_later(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_BUSY", 0.05)
    keep(store, *pages("read"))
    cursor, _ = store.since(-1)
    keep(store, *pages("arrived"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        cursor, news = store.since(cursor)
        assert news == []
        assert paths(store) == ["/read"]
        other.execute("ROLLBACK")
    cursor, news = store.since(cursor)
    assert [summary.path for summary in news] == ["/arrived"]
    assert store.since(cursor) == (cursor, [])


def test_a_damaged_arrival_is_told(store: SQLiteStore, path: Path) -> None:
    keep(store, *pages("a"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE arrival SET body = x'dd00000001c1'")
        other.commit()
    with pytest.raises(Exception, match=r"damaged.*delete the file"):
        store.page()
