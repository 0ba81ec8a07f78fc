"""The SQLite store: one file under the project's .gateway/, written by every process, read by any.

Write-ahead logging lets the panel read while workers write. ``synchronous=NORMAL`` survives the death of any process
at any instant; a power cut may lose the last transactions, never the file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from math import inf
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from .. import native
from ..exchange import FINISHED, Exchange, Summary
from ..vocabulary import OWN, Vocabulary
from . import arrivals, capacity, interrupted, rows, sql
from . import parts as joining
from .base import MOST_FORGOTTEN, Capacity, Part, Statistics, StoreBusy
from .connection import Connection, transaction
from .encoding import decode, encode_plain
from .filters import Condition
from .rows import Packed, insert, next_batch, spelled

_PRUNE_EVERY: Final = 1.0  # seconds
_SETTLE_EVERY: Final = 1.0  # seconds
#: Who only writes looks after the dead now and then, so that their files do not gather where nobody reads.
_SALVAGE_EVERY: Final = 60.0  # seconds
_NUMBER: Final = itemgetter(0)
_T = TypeVar("_T")


class SQLiteStore:
    #: What makes of a finished recording what ``pack`` makes of its exchange, or NotImplemented; see native/packing.c.
    direct: Final = None if native.core is None else native.core.pack

    def __init__(self, path: Path, capacity: Capacity) -> None:
        self.location = f"sqlite:///{path}"
        self._path = path
        self._capacity = capacity
        self._writer = Connection(path)
        self._reader = Connection(path)
        self._next_prune = self._next_settle = 0.0
        self._salvaged = -inf
        self.flight: Path | None = interrupted.flight(path)

    def pack(self, exchange: Exchange, vocabulary: Vocabulary | None = None) -> arrivals.Arrival | Packed:
        # What is in flight comes again and again, and replaces what was there.
        return arrivals.pack(exchange) if exchange.state == FINISHED else rows.pack(exchange)

    def write(self, packed: Sequence[arrivals.Arrival | Packed], vocabulary: Vocabulary | None = None) -> None:
        if packed:
            self._writer.use(lambda connection: self._write(connection, packed, vocabulary), create=True)
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + _PRUNE_EVERY
            # What was to be written is: that somebody else is at the file now is no reason to write it again.
            with suppress(StoreBusy):
                while self._writer.use(lambda connection: capacity.prune(connection, self._capacity), create=True):
                    pass
        self._salvage(_SALVAGE_EVERY)

    def _write(
        self,
        connection: sqlite3.Connection,
        packed: Sequence[arrivals.Arrival | Packed],
        vocabulary: Vocabulary | None,
    ) -> None:
        key = None if vocabulary is None else vocabulary.key
        finished = [each for each in packed if len(each) == 2]
        with transaction(connection):
            if vocabulary is not None:
                self._write_words(connection, vocabulary, max(map(_NUMBER, packed)))
            for portion in arrivals.portions(finished):
                arrivals.add(connection, portion, next_batch(connection), key)
            if len(finished) < len(packed):
                insert(connection, [each for each in packed if len(each) != 2], next_batch(connection), key)

    def _salvage(self, pause: float) -> None:
        """Keep what dead processes were in when they died."""
        if time.monotonic() - self._salvaged >= pause:
            self._salvaged = time.monotonic()
            interrupted.salvage(self._writer, self._path)

    @staticmethod
    def _write_words(connection: sqlite3.Connection, vocabulary: Vocabulary, last: int) -> None:
        # The file is asked each time how far it has the words: it may have been cleared or replaced since.
        key = vocabulary.key
        (known,) = connection.execute("SELECT MAX(number) FROM word WHERE vocabulary = ?", (key,)).fetchone()
        first = OWN if known is None else known + 1
        words = vocabulary.words[first - OWN :]
        if words:
            connection.executemany(
                "INSERT INTO word VALUES (?, ?, ?)", [(key, number, word) for number, word in enumerate(words, first)]
            )
        connection.execute(
            "INSERT INTO vocabulary VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET last = MAX(last, ?2)", (key, last)
        )

    def attach(self, key: str, kind: str, data: Any) -> None:
        self.attach_all([Part(key, kind, data)])

    def attach_all(self, parts: Iterable[Part]) -> None:
        values = [(key, kind, joining.position(), encode_plain(data)) for key, kind, data in parts]
        most = joining.MOST_PER_EXCHANGE * self._capacity.exchanges

        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.executemany("INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?)", values)
                newest = "SELECT position FROM part ORDER BY position DESC LIMIT 1 OFFSET ?"
                connection.execute(f"DELETE FROM part WHERE position <= ({newest})", (most,))

        if values:
            self._writer.use(write, create=True)

    def find(self, request_ids: Collection[str]) -> dict[str, list[int]]:
        def read(connection: sqlite3.Connection) -> dict[str, list[int]]:
            found: dict[str, list[int]] = {}
            query = "SELECT id FROM exchange WHERE request_id = ? ORDER BY id"
            for key in request_ids:
                numbers = [number for (number,) in connection.execute(query, (key,))]
                if numbers:
                    found[key] = numbers
            return found

        return self._read(read, missing={})

    def forget(self, numbers: Collection[int]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                arrivals.sort_in(connection, inf)
                batch = next_batch(connection)
                for table in ("exchange", "record"):
                    connection.executemany(f"DELETE FROM {table} WHERE id = ?", [(number,) for number in numbers])
                connection.executemany(f"INSERT INTO forgotten VALUES (NULL, ?, {batch})", [(n,) for n in numbers])
                connection.execute(
                    f"DELETE FROM forgotten WHERE number <= (SELECT MAX(number) FROM forgotten) - {MOST_FORGOTTEN}"
                )

        if numbers:
            self._writer.use(write)

    def forgotten(self, cursor: int) -> list[int]:
        def read(connection: sqlite3.Connection) -> list[int]:
            query = "SELECT exchange FROM forgotten WHERE batch > ? ORDER BY number"
            return [number for (number,) in connection.execute(query, (cursor,))]

        return self._reader.use(read, missing=[])

    def get(self, number: int) -> Exchange | None:
        def read(connection: sqlite3.Connection) -> Exchange | None:
            self._settle(connection)
            query = "SELECT vocabulary, body, state FROM record JOIN exchange USING (id) WHERE id = ?"
            row = connection.execute(query, (number,)).fetchone()
            if row is None:
                return None
            key, body, state = row
            exchange = decode(body)
            if exchange.state != state:
                exchange = msgspec.structs.replace(exchange, state=state)
            try:
                exchange = spelled(connection, key, exchange)
            except KeyError:  # forgotten by a writer between the two
                return None
            return joining.joined(exchange, lambda keys: _parts(connection, keys))

        self._salvage(_SETTLE_EVERY)
        return self._read(read, missing=None)

    def _read(self, action: Callable[[sqlite3.Connection], _T], missing: _T) -> _T:
        # While another process holds the file, what is sorted in can be read all the same.
        with suppress(StoreBusy):
            while self._reader.use(_sort_in, missing=False):
                pass
        return self._reader.use(action, missing=missing)

    def _settle(self, connection: sqlite3.Connection) -> None:
        if time.monotonic() < self._next_settle:
            return
        self._next_settle = time.monotonic() + _SETTLE_EVERY
        interrupted.settle(connection)

    def page(
        self, conditions: Sequence[Condition] = (), *, before: int | None = None, limit: int = 50
    ) -> list[Summary]:
        clause, parameters = sql.where(conditions)
        if before is not None:
            clause += " AND id < ?"
            parameters.append(before)

        def read(connection: sqlite3.Connection) -> list[Summary]:
            self._settle(connection)
            query = f"SELECT {sql.COLUMNS} FROM exchange WHERE {clause} ORDER BY id DESC LIMIT ?"
            return [sql.summary(row) for row in connection.execute(query, (*parameters, limit))]

        self._salvage(_SETTLE_EVERY)
        return self._read(read, missing=[])

    def since(self, cursor: int, *, limit: int = 200) -> tuple[int, list[Summary]]:
        def read(connection: sqlite3.Connection) -> tuple[int, list[Summary]]:
            self._settle(connection)
            newest = arrivals.newest(connection)
            if cursor < 0 or newest == cursor:
                return newest, []
            # A cursor from the future is one of another file: everything is news.
            after = cursor if cursor < newest else 0
            news = "batch > ? AND batch <= ? ORDER BY batch DESC, id DESC LIMIT ?"
            query = f"SELECT {sql.COLUMNS} FROM exchange WHERE {news}"
            listed = connection.execute(query, (after, newest, limit)).fetchall()
            return newest, [sql.summary(row) for row in reversed(listed)]

        self._salvage(_SETTLE_EVERY)
        nothing: tuple[int, list[Summary]] = (0, [])
        return self._read(read, missing=nothing)

    def clear(self) -> None:
        def write(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                for table in ("arrival", "exchange", "record", "part", "word", "vocabulary"):
                    connection.execute(f"DELETE FROM {table}")
            # So far the pages are only free. While others write at once, they are overwritten one after the other.
            with suppress(sqlite3.OperationalError):
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        self._reader.use(write, missing=None)

    def statistics(self) -> Statistics:
        def read(connection: sqlite3.Connection) -> tuple[int, int, int | None]:
            (oldest,) = connection.execute("SELECT MIN(id) FROM exchange").fetchone()
            return *capacity.usage(connection), oldest

        nothing: tuple[int, int, int | None] = (0, 0, None)
        count, used, oldest = self._read(read, missing=nothing)
        return Statistics(self.location, count, used, self._capacity, oldest)

    def close(self) -> None:
        self._writer.close()
        self._reader.close()


def _sort_in(connection: sqlite3.Connection) -> bool:
    """Whether anything was waiting: more may be."""
    if not arrivals.waiting(connection):
        return False
    with transaction(connection):
        arrivals.sort_in(connection)
    return True


def _parts(connection: sqlite3.Connection, keys: list[str]) -> list[tuple[str, str, Any]]:
    query = f"SELECT key, kind, body FROM part WHERE key IN ({', '.join('?' * len(keys))})"
    return [(key, kind, msgspec.msgpack.decode(body)) for key, kind, body in connection.execute(query, keys)]
