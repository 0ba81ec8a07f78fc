"""The one thread of a process that writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_gateway.stores import Capacity
from django_gateway.stores.sqlite import SQLiteStore
from django_gateway.stores.writer import Writer
from recorders import until
from written import Held, record


@pytest.fixture
def held() -> Iterator[Held]:
    store = Held()
    yield store
    store.gate.set()


def test_what_is_submitted_is_written_by_a_thread_of_its_own(held: Held) -> None:
    held.gate.set()
    writer = Writer(held)
    record(writer, 3)
    until(lambda: writer.written == 3)
    assert [summary.path for summary in held.page()] == ["/2", "/1", "/0"]
    assert [thread.name for thread in held.threads] == ["django-gateway-writer"]
    assert all(thread.daemon for thread in held.threads)


def test_nothing_is_started_before_something_is_submitted(held: Held) -> None:
    before = set(threading.enumerate())
    writer = Writer(held)
    assert set(threading.enumerate()) <= before
    record(writer, 1)
    assert len(set(threading.enumerate()) - before) == 1


def test_a_patched_sleep_does_not_stop_it(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projects' tests freeze time."""
    slept: list[float] = []
    held.gate.set()
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", slept.append)
        writer = Writer(held)
        record(writer, 1)
        assert held.wrote.wait(30)
    assert slept == []


def test_visible_to_another_reader_without_any_flush(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.sqlite3"
    writer = Writer(SQLiteStore(path, Capacity()))
    reader = SQLiteStore(path, Capacity())
    record(writer, 1)
    until(reader.page)
    cursor, _ = reader.since(-1)
    record(writer, 1)
    assert len(until(lambda: reader.since(cursor)[1])) == 1
    reader.close()
    writer.end()
