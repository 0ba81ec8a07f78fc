"""The SQLite store: one file under the project's .gateway/, written by every process, read by any.

Write-ahead logging lets the panel read while workers write. ``synchronous=NORMAL`` survives the death of any process
at any instant; a power cut may lose the last transactions, never the file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from ..exchange import Exchange, Summary
from ..vocabulary import OWN, Dictionary, Vocabulary, expand
from . import sql
from .base import Capacity, Statistics, StoreError
from .filters import Condition

_T = TypeVar("_T")

#: Rows of one INSERT. A whole batch goes in few statements; see sql.insert.
_ROWS: Final = 64
#: Exchanges forgotten in one transaction, so that other writers never wait long.
_FORGET: Final = 500
_PRUNE_EVERY: Final = 1.0  # seconds
_BUSY: Final = 5.0  # seconds to wait for another process' transaction

_INSERTS: Final = {rows: (sql.insert(rows), sql.insert_records(rows)) for rows in (_ROWS, 8, 1)}


class SQLiteStore:
    def __init__(self, path: Path, capacity: Capacity) -> None:
        self.location = f"sqlite:///{path}"
        self._path = path
        self._capacity = capacity
        self._writer = _Connection(path)
        self._reader = _Connection(path)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Exchange).decode
        self._next_prune = 0.0

    def pack(self, exchange: Exchange, vocabulary: Vocabulary | None = None) -> tuple[Any, ...]:
        return (*sql.values(exchange), self._encode(exchange))

    def write(self, packed: Sequence[tuple[Any, ...]], vocabulary: Vocabulary | None = None) -> None:
        if packed:
            self._writer.use(lambda connection: self._write(connection, packed, vocabulary), create=True)
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + _PRUNE_EVERY
            while self._writer.use(self._prune, create=True):
                pass

    def _write(
        self, connection: sqlite3.Connection, packed: Sequence[tuple[Any, ...]], vocabulary: Vocabulary | None
    ) -> None:
        key = None if vocabulary is None else vocabulary.key
        with _transaction(connection):
            (batch,) = connection.execute("SELECT COALESCE(MAX(batch), 0) + 1 FROM exchange").fetchone()
            if vocabulary is not None:
                self._write_words(connection, vocabulary, max(row[0] for row in packed))
            position = 0
            for rows, (insert, insert_records) in _INSERTS.items():
                while len(packed) - position >= rows:
                    flat: list[Any] = [batch]
                    records: list[Any] = [key]
                    for row in packed[position : position + rows]:
                        flat += row[:-1]
                        records += (row[0], row[-1])
                    position += rows
                    connection.execute(insert, flat)
                    connection.execute(insert_records, records)

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

    def _prune(self, connection: sqlite3.Connection) -> bool:
        """Forget some of the oldest where the capacity is exceeded; whether there may be more to forget."""
        count, used = _usage(connection)
        excess = count - self._capacity.exchanges
        if used > self._capacity.bytes and count:
            excess = max(excess, int(count * (1 - self._capacity.bytes / used)) + 1)
        if excess <= 0:
            return False
        with _transaction(connection):
            ids = connection.execute("SELECT id FROM exchange ORDER BY id LIMIT ?", (min(excess, _FORGET),)).fetchall()
            if ids:
                connection.execute("DELETE FROM exchange WHERE id <= ?", ids[-1])
                connection.execute("DELETE FROM record WHERE id <= ?", ids[-1])
                unused = "SELECT key FROM vocabulary WHERE last <= ?"
                connection.execute(f"DELETE FROM word WHERE vocabulary IN ({unused})", ids[-1])
                connection.execute("DELETE FROM vocabulary WHERE last <= ?", ids[-1])
        return excess > _FORGET

    def get(self, number: int) -> Exchange | None:
        def read(connection: sqlite3.Connection) -> Exchange | None:
            row = connection.execute("SELECT vocabulary, body FROM record WHERE id = ?", (number,)).fetchone()
            if row is None:
                return None
            key, body = row
            exchange = self._decode(body)
            if key is None:
                return exchange
            words = connection.execute("SELECT number, body FROM word WHERE vocabulary = ?", (key,))
            return expand(exchange, Dictionary(dict(words)))

        return self._reader.use(read, missing=None)

    def page(
        self, conditions: Sequence[Condition] = (), *, before: int | None = None, limit: int = 50
    ) -> list[Summary]:
        clause, parameters = sql.where(conditions)
        if before is not None:
            clause += " AND id < ?"
            parameters.append(before)

        def read(connection: sqlite3.Connection) -> list[Summary]:
            query = f"SELECT {sql.COLUMNS} FROM exchange WHERE {clause} ORDER BY id DESC LIMIT ?"
            return [sql.summary(row) for row in connection.execute(query, (*parameters, limit))]

        return self._reader.use(read, missing=[])

    def since(self, cursor: int, *, limit: int = 200) -> tuple[int, list[Summary]]:
        def read(connection: sqlite3.Connection) -> tuple[int, list[Summary]]:
            (newest,) = connection.execute("SELECT COALESCE(MAX(batch), 0) FROM exchange").fetchone()
            if cursor < 0 or newest == cursor:
                return newest, []
            # A cursor from the future is one of a file that was cleared since: everything is news.
            after = cursor if cursor < newest else 0
            news = "batch > ? AND batch <= ? ORDER BY batch DESC, id DESC LIMIT ?"
            query = f"SELECT {sql.COLUMNS} FROM exchange WHERE {news}"
            rows = connection.execute(query, (after, newest, limit)).fetchall()
            return newest, [sql.summary(row) for row in reversed(rows)]

        return self._reader.use(read, missing=(0, []))

    def clear(self) -> None:
        def write(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                for table in ("exchange", "record", "word", "vocabulary"):
                    connection.execute(f"DELETE FROM {table}")

        self._reader.use(write, missing=None)

    def statistics(self) -> Statistics:
        count, used = self._reader.use(_usage, missing=(0, 0))
        return Statistics(self.location, count, used, self._capacity)

    def close(self) -> None:
        self._writer.close()
        self._reader.close()


class _Connection:
    """One connection, opened when first used, anew after a fork and when the file was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int, int] | None = None
        _connections.add(self)

    def forked(self) -> None:
        """In a child the lock may be held by a thread that only the parent has."""
        self._lock = threading.Lock()

    def use(self, action: Callable[[sqlite3.Connection], _T], *, create: bool = False, missing: Any = None) -> _T:
        """What ``action`` returns; ``missing`` where there is no file yet and ``create`` is not set.

        Raises StoreError.
        """
        with self._lock:
            try:
                connection = self._open(create)
                return missing if connection is None else action(connection)
            except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
                raise StoreError(_explain(self._path, error)) from error

    def _open(self, create: bool) -> sqlite3.Connection | None:
        identity = self._current_identity()
        if self._connection is not None and identity == self._identity:
            return self._connection
        if self._identity is not None and self._identity[0] == os.getpid():
            self.close()
        # A connection inherited by fork is left alone: closing it here would drop the parent's locks.
        self._connection = self._identity = None
        if not create and not self._path.exists():
            return None
        if create:
            make_folder(self._path.parent)
            # Made for its owner alone before SQLite opens it: the files beside it (-wal, -shm) get the same mode.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._identity = self._current_identity()
        return connection

    def _current_identity(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        return os.getpid(), status.st_dev, status.st_ino

    def close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = self._identity = None


_connections: weakref.WeakSet[_Connection] = weakref.WeakSet()


def _forked() -> None:
    for connection in list(_connections):
        connection.forked()


os.register_at_fork(after_in_child=_forked)


def make_folder(folder: Path) -> None:
    """Make the folder; one that is new ignores itself for git and is for its owner alone."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    with suppress(FileExistsError), open(folder / ".gitignore", "x", encoding="ascii") as file:
        file.write("*\n")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # Wide pages hold several records each; this counts only while the file is new.
    connection.execute("PRAGMA page_size = 16384")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    if _version(connection) == (sql.APPLICATION_ID, sql.VERSION):
        return
    with _transaction(connection):
        application, version = _version(connection)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if tables and application != sql.APPLICATION_ID:
            raise sqlite3.DatabaseError(f"{path.name} is another program's database")
        if (application, version) != (sql.APPLICATION_ID, sql.VERSION):
            for table in tables:
                connection.execute(f'DROP TABLE "{table}"')
            for statement in sql.SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {sql.VERSION}")


def _version(connection: sqlite3.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _usage(connection: sqlite3.Connection) -> tuple[int, int]:
    """Exchanges, and the bytes of the pages in use."""
    (count,) = connection.execute("SELECT COUNT(*) FROM exchange").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return count, (pages - free) * size


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


def _explain(path: Path, error: Exception) -> str:
    text = str(error)
    if isinstance(error, PermissionError) or "readonly" in text or "unable to open" in text:
        return f"The store {path} can't be written ({text}): check the owner and mode of the file and its folder."
    if "locked" in text or "busy" in text:
        return f"The store {path} is held by another process for more than {_BUSY:.0f} s: try again."
    if "another program" in text:
        return f"The store {path} is another program's database: name another file in GATEWAY['STORE']."
    if "malformed" in text or "not a database" in text:
        return f"The store {path} is damaged ({text}): delete the file, a new one is made."
    return f"The store {path} can't be used: {text}."
