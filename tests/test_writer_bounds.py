"""What waits to be written is bounded, and nobody waits for it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

import recorders
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder
from django_gateway.stores import writer as writers
from django_gateway.stores.writer import Writer
from recorders import until
from written import Held, application, one, record

CAP = writers._QUEUE


@pytest.fixture
def held() -> Iterator[Held]:
    store = Held()
    yield store
    store.gate.set()


@pytest.fixture
def full(held: Held) -> Writer:
    """A writer whose thread waits at the gate with one exchange, and whose queue takes no more."""
    writer = Writer(held)
    recording = one()
    writer.submit(recording)
    assert held.came.wait(60)
    for _ in range(CAP):
        writer.submit(recording)
    return writer


def test_stored_and_dropped_are_what_was_sent(held: Held, full: Writer) -> None:
    """Ten times what may wait, against a store that does not move: nobody waits, and everything is accounted for."""
    assert full.dropped == 0
    recording = one()
    for _ in range(9 * CAP):
        full.submit(recording)
    assert (full.written, full.dropped) == (0, 9 * CAP)
    held.gate.set()
    until(lambda: full.written == 1 + CAP)
    assert full.dropped == 9 * CAP
    assert sum(held.batches) == 1 + CAP
    assert max(held.batches) <= writers._BATCH
    # And there is room again.
    full.submit(recording)
    until(lambda: full.written == 2 + CAP)


def test_memory_is_flat_however_much_is_dropped(full: Writer) -> None:
    recorded = RecordedWSGI(application, Recorder(full.submit))

    def serve(count: int) -> int:
        for _ in range(count):
            recorders.serve(recorded)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = serve(500)
        last = serve(3_000)
    finally:
        tracemalloc.stop()
    assert full.dropped == 3_500
    assert last - first < 200_000


def test_submitting_does_not_wait_for_the_store(held: Held) -> None:
    """The gate is shut all the while: a submit that waited for it would never come back."""
    writer = Writer(held)
    record(writer, 50)
    assert not held.gate.is_set()
    assert writer.written == 0
