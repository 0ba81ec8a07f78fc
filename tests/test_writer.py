"""The one thread that writes: bounded, and on time."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import recorders
from django_gateway.exchange import FINISHED, IN_FLIGHT
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder, Recording
from django_gateway.stores import Capacity
from django_gateway.stores import writer as writers
from django_gateway.stores.memory import MemoryStore
from django_gateway.stores.sqlite import SQLiteStore
from django_gateway.stores.writer import Writer
from recorders import until

CAP = writers._QUEUE


def application(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"answer"]


class Held(MemoryStore):
    """A store that writes when it is let."""

    def __init__(self) -> None:
        super().__init__(Capacity())
        self.gate = threading.Event()
        self.batches: list[int] = []

    def write(self, packed: Any, vocabulary: Any = None) -> None:
        self.gate.wait(60)
        self.batches.append(len(packed))
        super().write(packed, vocabulary)


@pytest.fixture
def held() -> Iterator[Held]:
    store = Held()
    yield store
    store.gate.set()


def recordings(writer: Writer, count: int) -> None:
    application_ = RecordedWSGI(application, Recorder(writer.submit))
    for number in range(count):
        recorders.serve(application_, recorders.environ(f"/{number}"))


def test_what_is_submitted_is_written_by_a_thread_of_its_own(held: Held) -> None:
    held.gate.set()
    writer = Writer(held)
    recordings(writer, 3)
    until(lambda: writer.written == 3)
    assert [summary.path for summary in held.page()] == ["/2", "/1", "/0"]
    named = [thread for thread in threading.enumerate() if thread.name == "django-gateway-writer"]
    assert named
    assert all(thread.daemon for thread in named)


def test_nothing_is_started_before_something_is_submitted(held: Held) -> None:
    before = threading.active_count()
    Writer(held)
    assert threading.active_count() == before


def test_stored_and_dropped_are_what_was_sent(held: Held) -> None:
    """Ten times what may wait, against a store that does not move: nobody waits, and everything is accounted for."""
    writer = Writer(held)
    recordings(writer, 1)
    until(lambda: not writer._queue)  # its thread has it, and is held
    sent = 10 * CAP
    recording = one()
    for _ in range(sent):
        writer.submit(recording)
    assert len(writer._queue) == CAP
    assert writer.dropped == sent - CAP
    held.gate.set()
    until(lambda: not writer._queue)
    writer.flush()
    assert writer.written + writer.dropped == sent + 1
    assert max(held.batches) <= writers._BATCH


def one() -> Recording:
    kept: list[Recording] = []
    recorders.serve(RecordedWSGI(application, Recorder(kept.append)))
    return kept[0]


def test_memory_is_flat_however_much_is_dropped(held: Held) -> None:
    writer = Writer(held)
    recorded = RecordedWSGI(application, Recorder(writer.submit))

    def serve(count: int) -> int:
        for _ in range(count):
            recorders.serve(recorded)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    serve(CAP + 2_000)
    tracemalloc.start()
    try:
        first = serve(500)
        last = serve(3_000)
    finally:
        tracemalloc.stop()
    assert writer.dropped >= 4_500
    assert last - first < 200_000


def test_submitting_does_not_wait_for_the_store(held: Held) -> None:
    """The gate is shut all the while: a submit that waited for it would never come back."""
    writer = Writer(held)
    recordings(writer, 50)
    assert not held.gate.is_set()
    assert writer.written == 0


def test_a_patched_sleep_does_not_stop_it(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projects' tests freeze time."""
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("slept"))
    held.gate.set()
    writer = Writer(held)
    recordings(writer, 1)
    end = time.monotonic() + 20
    while writer.written != 1:
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_visible_to_another_reader_without_any_flush(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.sqlite3"
    writer = Writer(SQLiteStore(path, Capacity()))
    reader = SQLiteStore(path, Capacity())
    recordings(writer, 1)
    until(reader.page)
    cursor, _ = reader.since(-1)
    recordings(writer, 1)
    assert len(until(lambda: reader.since(cursor)[1])) == 1
    reader.close()
    writer.store.close()


# What is in flight


def test_a_snapshot_never_replaces_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings end while they are looked at: the end is what stays."""
    monkeypatch.setattr(writers, "_PATIENCE", 0.0)
    monkeypatch.setattr(writers, "_GATHER", 0.0)
    store = MemoryStore(Capacity())
    writer = Writer(store)
    recorder = Recorder(writer.submit, watch=writer.wake)
    writer.in_flight = recorder.in_flight

    def slow(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        for _ in range(3):
            threading.Event().wait(0.001)
            yield b"chunk"

    def serve() -> None:
        for _ in range(100):
            recorders.serve(RecordedWSGI(slow, recorder))

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: writer.written >= 400)
    writer.flush()
    states = [summary.state for summary in store.page(limit=1_000)]
    assert states == [FINISHED] * 400
    assert recorder.in_flight == {}


def test_what_lasts_is_shown_with_what_it_has_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_PATIENCE", 0.05)
    store = MemoryStore(Capacity())
    writer = Writer(store)
    recorder = Recorder(writer.submit, watch=writer.wake)
    writer.in_flight = recorder.in_flight
    gate = threading.Event()

    def hanging(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield b"first"
        gate.wait(30)
        yield b"last"

    thread = threading.Thread(target=recorders.serve, args=(RecordedWSGI(hanging, recorder),))
    thread.start()
    try:
        (summary,) = until(store.page)
        assert summary.state == IN_FLIGHT
        until(lambda: store.page()[0].sizes.chunks == 1)
    finally:
        gate.set()
        thread.join()
    until(lambda: store.page()[0].state == FINISHED)
    assert store.page()[0].sizes.chunks == 2
