"""What lasts is written as it is so far, and once more when it has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import recorders
from django_gateway.exchange import FINISHED, IN_FLIGHT
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder
from django_gateway.stores import Capacity, StoreBusy, StoreError
from django_gateway.stores import writer as writers
from django_gateway.stores.memory import MemoryStore
from django_gateway.stores.writer import Writer
from recorders import until


class Watched:
    """A writer that looks at what its recorder has in flight."""

    def __init__(self, store: MemoryStore) -> None:
        self.writer = Writer(store)
        self.recorder = Recorder(self.writer.submit, watch=self.writer.wake)
        self.writer.in_flight = self.recorder.in_flight


class Hanging:
    """An application that has sent its first chunk, and goes on when it is told."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first"
        assert self.goes_on.wait(120)
        yield b"last"

    def served(self, recorder: Recorder) -> threading.Thread:
        thread = threading.Thread(target=recorders.serve, args=(RecordedWSGI(self, recorder),))
        thread.start()
        return thread


def test_a_snapshot_never_replaces_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings end while they are looked at: the end is what stays."""
    monkeypatch.setattr(writers, "_PATIENCE", 0.0)
    monkeypatch.setattr(writers, "_GATHER", 0.0)
    store = MemoryStore(Capacity())
    watched = Watched(store)

    def slow(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(3):
            threading.Event().wait(0.001)
            yield b"chunk"

    def serve() -> None:
        for _ in range(100):
            recorders.serve(RecordedWSGI(slow, watched.recorder))

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: watched.writer.written == 400)
    states = [summary.state for summary in store.page(limit=1_000)]
    assert states == [FINISHED] * 400
    assert watched.recorder.in_flight == {}


def test_what_lasts_is_shown_with_what_it_has_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_PATIENCE", 0.05)
    store = MemoryStore(Capacity())
    hanging = Hanging()
    thread = hanging.served(Watched(store).recorder)
    try:
        until(lambda: [(s.state, s.sizes.chunks) for s in store.page()] == [(IN_FLIGHT, 1)])
    finally:
        hanging.goes_on.set()
        thread.join()
    until(lambda: [(s.state, s.sizes.chunks) for s in store.page()] == [(FINISHED, 2)])


@pytest.mark.parametrize("error", [StoreBusy("held"), StoreError("full")])
def test_what_lasts_is_shown_once_the_store_takes_it(error: StoreError, monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves no more: that its snapshot was refused must not hide it until it ends."""
    monkeypatch.setattr(writers, "_PATIENCE", 0.05)

    class Refusing(MemoryStore):
        refuses = True
        refused = 0

        def write(self, *args: Any) -> None:
            if self.refuses:
                self.refused += 1
                raise error
            super().write(*args)

    store = Refusing(Capacity())
    hanging = Hanging()
    thread = hanging.served(Watched(store).recorder)
    try:
        until(lambda: store.refused >= 2)
        assert store.page() == []
        store.refuses = False
        until(lambda: [s.state for s in store.page()] == [IN_FLIGHT])
    finally:
        hanging.goes_on.set()
        thread.join()


@pytest.mark.parametrize("ends", [False, True])
def test_what_turns_out_to_be_the_panels_own_is_forgotten(ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first request may take long until it is routed, and is shown by then."""
    monkeypatch.setattr(writers, "_PATIENCE", 0.05)
    store = MemoryStore(Capacity())
    watched = Watched(store)
    hanging, other = Hanging(), Hanging()
    threads = [hanging.served(watched.recorder), other.served(watched.recorder)]
    try:
        until(lambda: len(store.page()) == 2)
        own = next(iter(watched.recorder.in_flight.values()))
        own.hide()
        if ends:
            hanging.goes_on.set()
            threads[0].join()
        until(lambda: [summary.id == own.id for summary in store.page()] == [False])
    finally:
        hanging.goes_on.set()
        other.goes_on.set()
        for thread in threads:
            thread.join()
    until(lambda: watched.writer.written == 1)
    assert [(summary.id == own.id, summary.state) for summary in store.page()] == [(False, FINISHED)]
