"""What the tests of both stores share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from django_gateway.exchange import Exchange
from django_gateway.stores import Capacity, Store, open_store
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
