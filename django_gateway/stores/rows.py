"""Rows of the SQLite store, inside of somebody's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from ..exchange import Exchange
from ..vocabulary import Dictionary, expand
from . import sql
from .encoding import encode

#: Rows of one INSERT. A whole batch goes in few statements, since each of them lets go of the interpreter's lock; see
#: sql.insert.
_ROWS: Final = (256, 64, 16, 4, 1)
_RECORDS: Final = {rows: sql.insert_records(rows) for rows in _ROWS}
_ANY: Final = {rows: sql.insert(rows) for rows in _ROWS}
#: By whether there are request ids.
_EVERYDAY: Final = {named: {rows: sql.insert_everyday(rows, named=named) for rows in _ROWS} for named in (False, True)}

_SHARED: Final = itemgetter(3)
#: Id, record, values and what the row shares with others: see ``sql.pack``. Of bytes Python's module asks first, and at
#: length, whether they are to be adapted; of a bytearray it does not.
Packed = tuple[int, bytearray, tuple[Any, ...], sql.Shared | None]


def pack(exchange: Exchange) -> Packed:
    return exchange.id, bytearray(encode(exchange)), *sql.pack(exchange)


def insert(connection: sqlite3.Connection, packed: Sequence[Packed], batch: int, key: int | None) -> None:
    """Write what the store's ``pack`` made; ``key`` names the vocabulary of it, None where it is spelled out."""
    for shared, group in groupby(packed, _SHARED):
        of_one_kind = list(group)
        insertions = _ANY if shared is None else _EVERYDAY[shared[-1]]
        common = (batch,) if shared is None else (batch, *shared[:-1])
        position = 0
        for rows, insertion in insertions.items():
            while len(of_one_kind) - position >= rows:
                flat: list[Any] = [*common]
                records: list[Any] = [key]
                for row in of_one_kind[position : position + rows]:
                    flat += row[2]
                    records += row[:2]
                position += rows
                connection.execute(insertion, flat)
                connection.execute(_RECORDS[rows], records)


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
