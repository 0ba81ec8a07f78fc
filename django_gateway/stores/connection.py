"""A connection to the SQLite store's file: when it is opened, how it is prepared, what its errors mean."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from . import sql
from .base import StoreBusy, StoreError

_T = TypeVar("_T")

_BUSY: Final = 5.0  # seconds to wait for another process' transaction
#: Seconds between two tries, at most. SQLite's own waiting grows to a tenth of a second: among processes that write
#: without pause, whoever has waited longest would come too late each time.
_NAP: Final = 0.005
#: A generator of its own: a project's seeded random numbers are not touched, nor do forked workers share a sequence.
_nap = random.SystemRandom().uniform
_FORK: Final = 1.0  # seconds that a fork waits for a transaction of this process
#: KiB of pages that a writer keeps. It adds at one end and forgets at the other, so more would be six MiB of every
#: worker's memory for pages that nobody asks for again; readers keep SQLite's own measure.
_WRITER_CACHE: Final = 512


class Connection:
    """One connection, opened when first used, anew after a fork and when the file was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int, int] | None = None
        self._held = False
        _connections.add(self)

    def before_fork(self) -> None:
        """SQLite's connections must not be carried across a fork, least of all in the middle of a transaction."""
        self._held = self._lock.acquire(timeout=_FORK)
        if self._held:
            self.close()

    def after_fork(self, *, child: bool) -> None:
        if child:
            self._lock = threading.Lock()
            if self._connection is not None:
                # It was in use. Closing it here would touch what the parent's writes stand on.
                _inherited.append(self._connection)
            self._connection = self._identity = None
        elif self._held:
            self._lock.release()
        self._held = False

    def use(self, action: Callable[[sqlite3.Connection], _T], *, create: bool = False, missing: Any = None) -> _T:
        """What ``action`` returns; ``missing`` where there is no file yet and ``create`` is not set.

        While another process holds the file ``action`` is called again and again: it is to be one transaction. Raises
        StoreBusy when that takes too long, StoreError for everything else.
        """
        waited = 0.0  # counted, not read from a clock, which a project's tests may have stopped
        pause = threading.Event()  # likewise: nobody sets it
        while True:
            try:
                # Let go between two tries, so that a fork has to wait for neither of the processes.
                with self._lock:
                    connection = self._open(create)
                    return missing if connection is None else action(connection)
            except (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError):
                raise  # a value that SQLite does not take: nothing is wrong with the file
            except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
                if not _is_busy(error):
                    raise StoreError(_explain(self._path, error)) from error
                if waited >= _BUSY:
                    raise StoreBusy(f"The store {self._path} is held by another process: try again.") from error
            nap = _nap(0.0, _NAP)
            pause.wait(nap)
            waited += nap

    def _open(self, create: bool) -> sqlite3.Connection | None:
        identity = self._current_identity()
        if self._connection is not None and identity == self._identity:
            return self._connection
        if self._identity is not None and self._identity[0] == os.getpid():
            self.close()
        self._connection = self._identity = None
        if not create and not self._path.exists():
            return None
        if create:
            make_folder(self._path.parent)
            # Made for its owner alone before SQLite opens it: the files beside it (-wal, -shm) get the same mode.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, self._path)
            if create:
                connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE}")
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


#: What a child can neither use nor close.
_inherited: list[sqlite3.Connection] = []


def _each(action: Callable[[Connection], None]) -> None:
    for connection in list(_connections):
        action(connection)


os.register_at_fork(
    before=lambda: _each(Connection.before_fork),
    after_in_parent=lambda: _each(lambda connection: connection.after_fork(child=False)),
    after_in_child=lambda: _each(lambda connection: connection.after_fork(child=True)),
)


def make_folder(folder: Path) -> None:
    """Make the folder; one that is new ignores itself for git and is for its owner alone."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    with suppress(FileExistsError), open(folder / ".gitignore", "x", encoding="ascii") as file:
        file.write("*\n")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # Looked at before anything is changed: it may be another program's.
    ready = _tables(connection, path) and _version(connection) == (sql.APPLICATION_ID, sql.VERSION)
    # Wide pages hold several records each; this counts only while the file is new.
    connection.execute("PRAGMA page_size = 16384")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    # Debian's SQLite would overwrite what is forgotten with zeros, and write those to the disk as well.
    connection.execute("PRAGMA secure_delete = FAST")
    if ready:
        return
    with transaction(connection):
        tables = _tables(connection, path)
        if _version(connection) != (sql.APPLICATION_ID, sql.VERSION):
            for table in tables:
                connection.execute(f'DROP TABLE "{table}"')
            for statement in sql.SCHEMA.split(";"):
                connection.execute(statement)
            # Readers' cursors into a file that was here before are older than everything in this one.
            connection.execute("INSERT INTO counter VALUES (?)", (time.time_ns() // 1_000_000,))
            connection.execute(f"PRAGMA application_id = {sql.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {sql.VERSION}")


def _tables(connection: sqlite3.Connection, path: Path) -> list[str]:
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    application, _ = _version(connection)
    if tables and application != sql.APPLICATION_ID:
        raise sqlite3.DatabaseError(f"{path.name} is another program's database")
    return tables


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


def _is_busy(error: Exception) -> bool:
    # The low byte: SQLITE_BUSY_RECOVERY and SQLITE_BUSY_SNAPSHOT are kinds of it.
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _explain(path: Path, error: Exception) -> str:
    text = str(error)
    if isinstance(error, OSError) or "readonly" in text or "unable to open" in text:
        return f"The store {path} can't be written ({text}): check the path, and the owner and mode of its folder."
    if "full" in text or "disk I/O" in text:
        return f"The store {path} can't be written ({text}): make room on its disk."
    if "another program" in text:
        return f"The store {path} is another program's database: name another file in GATEWAY['STORE']."
    if "malformed" in text or "not a database" in text or isinstance(error, msgspec.MsgspecError):
        return f"The store {path} is damaged ({text}): delete the file, a new one is made."
    return f"The store {path} can't be used: {text}."
