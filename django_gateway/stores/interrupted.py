"""What was in flight in processes that have died: nobody but a reader of the store can say so any more."""

from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import closing, suppress
from functools import partial
from math import inf
from pathlib import Path

import msgspec

from ..exchange import FINISHED, IN_FLIGHT, INTERRUPTED, Exchange
from . import arrivals
from .base import StoreError
from .connection import Connection, transaction
from .encoding import decode
from .liveness import lives
from .rows import insert, next_batch, pack, spelled
from .salvage import Wreck, wrecks


def settle(connection: sqlite3.Connection) -> None:
    """What the store has in flight of a process of this machine that has died was interrupted."""
    query = "SELECT id, pid, started_at, body FROM exchange JOIN record USING (id) WHERE state = ?"
    gone = [
        (INTERRUPTED, number)
        for number, pid, started_at, body in connection.execute(query, (IN_FLIGHT,)).fetchall()
        if not lives(pid, started_at) and decode(body).server.host == socket.gethostname()
    ]
    if gone:
        with transaction(connection):
            batch = next_batch(connection)
            connection.executemany(f"UPDATE exchange SET state = ?, batch = {batch} WHERE id = ?", gone)


def flight(store: Path) -> Path:
    """The folder of black boxes: beside the store's file, as SQLite's own -wal and -shm are."""
    return store.with_name(f"{store.name}-flight")


def salvage(writer: Connection, store: Path) -> None:
    """Keep what the black boxes of the dead tell. What can't be kept now stays where it is; nothing is raised."""
    with suppress(OSError, StoreError):
        owners = {os.geteuid()}
        with suppress(FileNotFoundError):
            owners.add(store.stat().st_uid)
        with closing(wrecks(flight(store), frozenset(owners))) as found:
            for wreck in found:
                writer.use(partial(_keep, wreck), create=True)


def _keep(wreck: Wreck, connection: sqlite3.Connection) -> None:
    query = "SELECT vocabulary, body, state FROM record JOIN exchange USING (id) WHERE id = ?"
    with transaction(connection):
        arrivals.sort_in(connection, inf)
        kept: list[Exchange] = []
        for slot in wreck.slots:
            row = connection.execute(query, (slot.id,)).fetchone()
            if row is None:
                kept.append(wreck.interrupted(slot))
            elif row[2] != FINISHED:
                with suppress(KeyError, msgspec.MsgspecError):  # its words are lost: ``settle`` says what happened
                    exchange = spelled(connection, row[0], decode(row[1]), wreck.words)
                    kept.append(wreck.completed(slot, exchange))
        insert(connection, [pack(exchange) for exchange in kept], next_batch(connection), None)
