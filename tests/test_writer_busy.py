"""A store that is only busy costs nothing: what it does not take waits, and is tried again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from django_gateway.stores import Capacity, StoreBusy, connection
from django_gateway.stores import writer as writers
from django_gateway.stores.memory import MemoryStore
from django_gateway.stores.sqlite import SQLiteStore
from django_gateway.stores.writer import Writer
from recorders import PYTHON, until
from written import one, record

CAP = writers._QUEUE

#: Another process' transaction, which lasts until a line comes.
HOLDS = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
c.close()
"""
#: One transaction after the other, with hardly a gap between two.
HOGS = """
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
print("held", flush=True)
while True:
    c.execute("BEGIN IMMEDIATE")
    time.sleep(0.04)
    c.execute("ROLLBACK")
    time.sleep(0.002)
"""


@contextmanager
def another(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*PYTHON, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exchanges.sqlite3"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    """It has written one exchange."""
    writer = Writer(SQLiteStore(path, Capacity()))
    record(writer, 1)
    until(lambda: writer.written == 1)
    yield writer
    writer.end()


def test_a_busy_store_is_waited_for(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "_BUSY", 0.02)
    with another(HOLDS, path) as other:
        record(writer, 5)
        # Longer than it has patience, several times over; and nobody is told that anything is written.
        assert [writer.flush() for _ in range(5)] == [False] * 5
        assert (writer.written, writer.dropped, writer.error) == (1, 0, None)
        other.communicate("\n")
    # Nobody submits anything more: its own thread tries again.
    until(lambda: writer.written == 6)
    assert writer.flush()
    assert [summary.path for summary in writer.store.page()] == ["/4", "/3", "/2", "/1", "/0", "/0"]
    assert (writer.dropped, writer.error) == (0, None)
    assert capfd.readouterr().err == ""


def test_what_the_queue_does_not_hold_is_dropped_and_counted(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_BUSY", 0.02)
    recording = one()
    with another(HOLDS, path) as other:
        for _ in range(3 * CAP):
            writer.submit(recording)
        # A batch may be on its way back into the queue.
        assert 2 * CAP - writers._BATCH <= writer.dropped <= 2 * CAP
        assert not writer.flush()
        other.communicate("\n")
    until(writer.flush)
    assert writer.written + writer.dropped == 1 + 3 * CAP


def test_nobody_comes_too_late_each_time(writer: Writer, path: Path) -> None:
    """Other processes leave no more than a moment between their transactions: it is enough, and enough each time."""
    with another(HOGS, path):
        for number in range(40):
            record(writer, 3)
            assert writer.flush()
            assert writer.written == 1 + 3 * (number + 1)
    assert (writer.dropped, writer.error) == (0, None)


def test_in_the_end_it_says_what_is_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "_BUSY", 0.02)
    writer = Writer(SQLiteStore(path, Capacity()))
    record(writer, 1)
    until(lambda: writer.written == 1)
    with another(HOLDS, path):
        record(writer, 7)
        writer.end()
    assert (writer.written, writer.dropped) == (1, 7)
    (said,) = capfd.readouterr().err.splitlines()
    assert said.startswith("django-gateway: 7 exchanges are lost: ")
    assert str(path) in said


def test_busy_in_the_middle_of_a_batch_that_is_written_one_by_one() -> None:
    """An exchange that no store takes makes the others go singly; those that are written are not written again."""

    class Awkward(MemoryStore):
        calls = 0

        def write(self, packed: Any, vocabulary: Any = None) -> None:
            if len(packed) > 1:
                raise ValueError("not in a batch")
            self.calls += 1
            if self.calls == 3:
                raise StoreBusy("held")
            super().write(packed, vocabulary)

    store = Awkward(Capacity())
    writer = Writer(store)
    with writer._flushing:  # all of it is one batch
        record(writer, 5)
    until(lambda: writer.written == 5)
    assert writer.dropped == 0
    assert store.calls == 6
    assert [summary.path for summary in store.page()] == ["/4", "/3", "/2", "/1", "/0"]
