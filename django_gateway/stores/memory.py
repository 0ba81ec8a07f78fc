"""The memory store: for tests, and for whoever wants nothing on a disk. It lives and dies with its process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..exchange import Exchange, Summary, summarise
from ..vocabulary import Vocabulary, expand
from . import parts as joining
from .base import MOST_FORGOTTEN, Capacity, Part, Statistics
from .encoding import decode, encode
from .filters import Condition, matches


class MemoryStore:
    location = "memory:"
    flight: Path | None = None

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._records: dict[int, bytes] = {}
        self._summaries: dict[int, Summary] = {}
        #: Ids in the order they were put, beside the cursor that putting gave them.
        self._cursors: dict[int, int] = {}
        self._cursor = 0
        self._bytes = 0
        #: Beside the cursor of then.
        self._forgotten: deque[tuple[int, int]] = deque(maxlen=MOST_FORGOTTEN)
        #: What was attached, by key and kind, with its position among the ids.
        self._parts: dict[tuple[str, str], tuple[int, Any]] = {}

    def pack(self, exchange: Exchange, vocabulary: Vocabulary | None = None) -> tuple[Summary, bytes]:
        if vocabulary is not None:
            exchange = expand(exchange, vocabulary)
        return summarise(exchange), encode(exchange)

    def write(self, packed: Sequence[tuple[Summary, bytes]], vocabulary: Vocabulary | None = None) -> None:
        with self._lock:
            for summary, record in packed:
                self._forget(summary.id)
                self._cursor += 1
                self._records[summary.id] = record
                self._summaries[summary.id] = summary
                self._cursors[summary.id] = self._cursor
                self._bytes += len(record)
            oldest = iter(sorted(self._records))
            while self._records and (
                len(self._records) > self._capacity.exchanges or self._bytes > self._capacity.bytes
            ):
                number = next(oldest)
                self._forget(number)
                for key in [key for key, (position, _) in self._parts.items() if position <= number]:
                    del self._parts[key]

    def attach(self, key: str, kind: str, data: Any) -> None:
        self.attach_all([Part(key, kind, data)])

    def attach_all(self, parts: Iterable[Part]) -> None:
        with self._lock:
            for key, kind, data in parts:
                self._parts.pop((key, kind), None)
                self._parts[key, kind] = joining.position(), data
            while len(self._parts) > joining.MOST_PER_EXCHANGE * self._capacity.exchanges:
                del self._parts[next(iter(self._parts))]

    def find(self, request_ids: Collection[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        with self._lock:
            for number in sorted(self._records):
                known = decode(self._records[number]).request_id
                if known is not None and known in request_ids:
                    found.setdefault(known, []).append(number)
        return found

    def forget(self, numbers: Collection[int]) -> None:
        with self._lock:
            self._cursor += 1
            for number in numbers:
                self._forget(number)
                self._forgotten.append((self._cursor, number))

    def forgotten(self, cursor: int) -> list[int]:
        with self._lock:
            return [number for at, number in self._forgotten if at > cursor]

    def _forget(self, number: int) -> None:
        record = self._records.pop(number, None)
        if record is not None:
            self._bytes -= len(record)
            del self._summaries[number]
            del self._cursors[number]

    def get(self, number: int) -> Exchange | None:
        with self._lock:
            record = self._records.get(number)
        return None if record is None else joining.joined(decode(record), self._look_up)

    def _look_up(self, keys: list[str]) -> list[Part]:
        with self._lock:
            return [Part(key, kind, data) for (key, kind), (_, data) in self._parts.items() if key in keys]

    def page(
        self, conditions: Sequence[Condition] = (), *, before: int | None = None, limit: int = 50
    ) -> list[Summary]:
        with self._lock:
            numbers = sorted((n for n in self._summaries if before is None or n < before), reverse=True)
            found = (self._summaries[n] for n in numbers)
            page = []
            for summary in found:
                if matches(summary, conditions):
                    page.append(summary)
                    if len(page) == limit:
                        break
            return page

    def since(self, cursor: int, *, limit: int = 200) -> tuple[int, list[Summary]]:
        with self._lock:
            if cursor < 0:
                return self._cursor, []
            news = [number for number, put in self._cursors.items() if put > cursor]
            return self._cursor, [self._summaries[number] for number in news[-limit:]]

    def clear(self) -> None:
        with self._lock:
            self._records.clear()
            self._summaries.clear()
            self._cursors.clear()
            self._parts.clear()
            self._bytes = 0

    def statistics(self) -> Statistics:
        with self._lock:
            oldest = min(self._records, default=None)
            return Statistics(self.location, len(self._records), self._bytes, self._capacity, oldest)

    def close(self) -> None:
        pass
