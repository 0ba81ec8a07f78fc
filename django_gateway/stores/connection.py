"""A connection to the SQLite store's file: when it is opened, how it is prepared, what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from . import sql
from .base import StoreError

_T = TypeVar("_T")

_BUSY: Final = 5.0  # seconds to wait for another process' transaction


class Connection:
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
            except (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError):
                raise  # a value that SQLite does not take: nothing is wrong with the file
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


_connections: weakref.WeakSet[Connection] = weakref.WeakSet()


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
    with transaction(connection):
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


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
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
