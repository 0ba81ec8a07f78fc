"""Stores that write when they are let, and what tests of the writer submit."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import recorders
from django_gateway.exchange import Summary
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder, Recording
from django_gateway.stores import Capacity
from django_gateway.stores.memory import MemoryStore
from django_gateway.stores.writer import Writer
from django_gateway.vocabulary import Vocabulary


class Held(MemoryStore):
    """A store that writes while its gate is open."""

    def __init__(self) -> None:
        super().__init__(Capacity())
        self.gate = threading.Event()
        #: Set when a write waits at the gate, and when one has been done.
        self.came, self.wrote = threading.Event(), threading.Event()
        self.batches: list[int] = []
        self.threads: set[threading.Thread] = set()

    def write(self, packed: Sequence[tuple[Summary, bytes]], vocabulary: Vocabulary | None = None) -> None:
        self.threads.add(threading.current_thread())
        self.came.set()
        assert self.gate.wait(120), "nobody opened the gate"
        self.batches.append(len(packed))
        super().write(packed, vocabulary)
        self.wrote.set()


def application(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"answer"]


def record(writer: Writer, count: int) -> None:
    """Serve requests for /0, /1 … and submit what is recorded."""
    recorded = RecordedWSGI(application, Recorder(writer.submit))
    for number in range(count):
        recorders.serve(recorded, recorders.environ(f"/{number}"))


def one() -> Recording:
    kept: list[Recording] = []
    recorders.serve(RecordedWSGI(application, Recorder(kept.append)))
    return kept[0]
