"""Rows of the SQLite store, inside of somebody's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..exchange import Exchange
from ..vocabulary import Dictionary, expand
from . import sql

#: Rows of one INSERT. A whole batch goes in few statements; see sql.insert.
_ROWS: Final = 64
_INSERTS: Final = {rows: (sql.insert(rows), sql.insert_records(rows)) for rows in (_ROWS, 8, 1)}


def insert(connection: sqlite3.Connection, packed: Sequence[tuple[Any, ...]], batch: int, key: int | None) -> None:
    """Write what the store's ``pack`` made; ``key`` names the vocabulary of it, None where it is spelled out."""
    position = 0
    for rows, (insertion, insertion_of_records) in _INSERTS.items():
        while len(packed) - position >= rows:
            flat: list[Any] = [batch]
            records: list[Any] = [key]
            for number, values, body in packed[position : position + rows]:
                flat += values
                records += (number, body)
            position += rows
            connection.execute(insertion, flat)
            connection.execute(insertion_of_records, records)


def next_batch(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE counter SET batch = batch + 1")
    (batch,) = connection.execute("SELECT batch FROM counter").fetchone()
    return int(batch)


def spelled(
    connection: sqlite3.Connection, key: int | None, exchange: Exchange, more: Mapping[int, bytes] | None = None
) -> Exchange:
    """``exchange`` with its words in it. Raises KeyError for one that is neither in the store nor in ``more``."""
    if key is None:
        return exchange
    words = dict(connection.execute("SELECT number, body FROM word WHERE vocabulary = ?", (key,)))
    return expand(exchange, Dictionary({**(more or {}), **words}))
