"""What the tests of both stores share."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from django_gateway.exchange import Exchange
from django_gateway.stores import Capacity, Store, arrivals, open_store
from django_gateway.stores.filters import parse

KINDS = ["sqlite", "memory"]


def opened(kind: str, folder: Path, **capacity: int) -> Store:
    url = f"sqlite:///{folder}/exchanges.sqlite3" if kind == "sqlite" else "memory:"
    return open_store(url, Capacity(**capacity))


def keep(store: Store, *exchanges: Exchange) -> None:
    store.write([store.pack(exchange) for exchange in exchanges])


def plain(exchange: Exchange | None) -> Any:
    """As data: tuples and lists are the same there."""
    return None if exchange is None else msgspec.json.decode(msgspec.json.encode(exchange))


def paths(store: Store, query: str = "", **options: Any) -> list[str]:
    return [summary.path for summary in store.page(parse(query), **options)]


def forget(store: Store) -> None:
    """SQLite looks after its capacity once a second; now it is to do so at once."""
    if hasattr(store, "_next_prune"):
        store._next_prune = 0.0
    store.write([])


def checked(path: Path) -> int:
    """How many exchanges are in an SQLite store's file, which is whole."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (exchanges,) = connection.execute("SELECT COUNT(*) FROM exchange").fetchone()
        (records,) = connection.execute("SELECT COUNT(*) FROM record").fetchone()
        assert exchanges == records
        for count, body in connection.execute("SELECT exchanges, body FROM arrival"):
            assert len(arrivals.unpack(body)) == count
            exchanges += count
        return int(exchanges)
