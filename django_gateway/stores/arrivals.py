"""What processes hand to the SQLite store: a batch of finished exchanges in one row, until somebody wants to see them.

Searchable rows cost many times what the record itself costs to write, and the process that writes serves requests.
Whoever reads has ``sort_in`` make these rows first; what is forgotten before anybody has read it never had them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from ..exchange import Exchange
from . import rows
from .encoding import encode
from .rows import Packed, insert

#: An exchange's id, and what ``unpack`` makes a row and a record of; C makes the same (native/record.c).
Arrival = tuple[int, bytes]

_ARRAY: Final = b"\xdd"  # MessagePack's array 32
#: As ``Packed``, but what a row has was not looked at by anybody yet.
_Unpacked = tuple[int, bytearray, tuple[Any, ...], tuple[Any, ...] | None]
_decode: Final[Any] = msgspec.msgpack.Decoder(list[_Unpacked]).decode
#: Bytes of a row, which is in memory several times while it is written; more where one exchange has more.
_MOST: Final = 4 * 2**20
#: Exchanges that are sorted in in one transaction, so that writers never wait long.
_AT_ONCE: Final = 2_000
#: What SQLite or its module say of a value that is none of theirs.
_NO_VALUE: Final = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError, OverflowError)


def pack(exchange: Exchange) -> Arrival | Packed:
    """Packed where SQLite will refuse it: whoever writes is to find that out, who counts it, and not who reads."""
    packed = rows.pack(exchange)
    return (exchange.id, encode(packed)) if all(map(_has_a_type, packed[2])) else packed


def _has_a_type(value: object) -> bool:
    """Of SQLite's."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or isinstance(value, str | float)


def portions(packed: Sequence[Arrival]) -> Iterator[Sequence[Arrival]]:
    """What is to be a batch each."""
    first = size = 0
    for position, (_, body) in enumerate(packed):
        size += len(body)
        if size > _MOST and position > first:
            yield packed[first:position]
            first, size = position, len(body)
    if packed:
        yield packed[first:]


def joined(packed: Sequence[Arrival]) -> bytes:
    return b"".join((_ARRAY, len(packed).to_bytes(4, "big"), *(each for _, each in packed)))


def unpack(body: bytes) -> list[Packed]:
    packed: list[Packed] = _decode(body)
    return packed


# In somebody's transaction, all of them


def add(connection: sqlite3.Connection, packed: Sequence[Arrival], batch: int, key: int | None) -> None:
    """``key`` names the vocabulary of them, None where they are spelled out."""
    values = (batch, key, min(packed)[0], len(packed), joined(packed))
    connection.execute("INSERT INTO arrival VALUES (?, ?, ?, ?, ?)", values)


def waiting(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM arrival LIMIT 1").fetchone() is not None


def newest(connection: sqlite3.Connection) -> int:
    """The last batch up to which nothing is waiting."""
    query = "SELECT COALESCE((SELECT MIN(batch) - 1 FROM arrival), batch) FROM counter"
    (batch,) = connection.execute(query).fetchone()
    return int(batch)


def sort_in(connection: sqlite3.Connection, most: float = _AT_ONCE) -> None:
    """Make rows and records of the oldest: of a whole number of batches, until there are ``most`` exchanges."""
    last, done = 0, 0
    query = "SELECT batch, vocabulary, exchanges, body FROM arrival ORDER BY batch"
    for batch, key, exchanges, body in connection.execute(query):
        _insert(connection, unpack(body), batch, key)
        last, done = batch, done + exchanges
        if done >= most:
            break
    connection.execute("DELETE FROM arrival WHERE batch <= ?", (last,))


def _insert(connection: sqlite3.Connection, packed: list[Packed], batch: int, key: int | None) -> None:
    try:
        insert(connection, packed, batch, key)
    except _NO_VALUE:
        # One of them can't be kept, which is to cost no other.
        for each in packed:
            with suppress(*_NO_VALUE):
                insert(connection, [each], batch, key)


def forget(connection: sqlite3.Connection, most: int, least: int) -> int | None:
    """Forget the oldest batches: up to ``most`` exchanges, and ``least`` whatever that makes; but not the last batch.

    Returns the lowest id of the newest of these batches, None where there was none.
    """
    last = forgotten = None
    query = "SELECT batch, first, exchanges FROM arrival WHERE batch < (SELECT MAX(batch) FROM arrival) ORDER BY batch"
    for batch, first, exchanges in connection.execute(query):
        if exchanges > most and least <= 0:
            break
        last, forgotten = batch, first
        most, least = most - exchanges, least - exchanges
    connection.execute("DELETE FROM arrival WHERE batch <= ?", (last,))
    return forgotten
