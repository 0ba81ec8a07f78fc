"""How much the SQLite store holds, and what is forgotten when that is too much."""

from __future__ import annotations

import sqlite3
from math import inf
from typing import Final

from . import arrivals
from .base import Capacity
from .connection import transaction

#: Exchanges forgotten in one transaction, so that other writers never wait long.
_FORGET: Final = 500
#: The share of its capacity that a store may be over it, where forgetting a part of a batch would mean to sort it in.
_SLACK: Final = 1 / 20


def usage(connection: sqlite3.Connection) -> tuple[int, int]:
    """Exchanges, and the bytes of the pages in use. One that an arrival will replace is counted twice."""
    (sorted_in,) = connection.execute("SELECT COUNT(*) FROM exchange").fetchone()
    (arrived,) = connection.execute("SELECT COALESCE(SUM(exchanges), 0) FROM arrival").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return sorted_in + arrived, (pages - free) * size


def prune(connection: sqlite3.Connection, capacity: Capacity) -> bool:
    """Where the capacity is exceeded, forget some of the oldest; whether it was."""
    count, used = usage(connection)
    excess, at_least = count - capacity.exchanges, 0
    if used > capacity.bytes and count:
        at_least = int(count * (1 - capacity.bytes / used)) + 1
    if max(excess, at_least) <= 0:
        return False
    with transaction(connection):
        oldest = "SELECT MAX(id) FROM (SELECT id FROM exchange ORDER BY id LIMIT ?)"
        (last,) = connection.execute(oldest, (min(max(excess, at_least), _FORGET),)).fetchone()
        if last is None:
            # Nobody has read for long, if ever.
            last = arrivals.forget(connection, excess, at_least)
        elif _older_arrived(connection, last):
            arrivals.sort_in(connection, inf)
            return True
        if last is None:
            if not at_least and excess < capacity.exchanges * _SLACK:
                return False
            arrivals.sort_in(connection, 1)
        else:
            _forget_up_to(connection, last)
    return True


def _older_arrived(connection: sqlite3.Connection, last: int) -> bool:
    """Whether something of up to ``last`` waits: it would come back among younger ones."""
    return connection.execute("SELECT 1 FROM arrival WHERE first <= ? LIMIT 1", (last,)).fetchone() is not None


def _forget_up_to(connection: sqlite3.Connection, last: int) -> None:
    for table in ("exchange", "record"):
        connection.execute(f"DELETE FROM {table} WHERE id <= ?", (last,))
    # What lies beside these may yet be needed by what has lower ids and came later.
    (first,) = connection.execute("SELECT MIN(first) FROM arrival").fetchone()
    last = last if first is None else min(last, first - 1)
    connection.execute("DELETE FROM part WHERE position <= ?", (last,))
    unused = "SELECT key FROM vocabulary WHERE last <= ?"
    connection.execute(f"DELETE FROM word WHERE vocabulary IN ({unused})", (last,))
    connection.execute("DELETE FROM vocabulary WHERE last <= ?", (last,))
