"""What is over the capacity is forgotten, the oldest first, in both stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import factories
from contract import KINDS, forget, keep, opened, paths, plain
from django_gateway.stores import Store
from django_gateway.vocabulary import Vocabulary


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Iterator[Store]:
    store = opened(kind, tmp_path)
    yield store
    store.close()


def test_the_oldest_go_when_there_are_too_many(kind: str, tmp_path: Path) -> None:
    store = opened(kind, tmp_path, exchanges=10)
    exchanges = [factories.wsgi_page(path=f"/{number}") for number in range(25)]
    for exchange in exchanges:
        keep(store, exchange)
    forget(store)
    assert paths(store) == [exchange.path for exchange in reversed(exchanges[-10:])]
    assert store.statistics().exchanges == 10
    assert store.get(exchanges[0].id) is None
    assert plain(store.get(exchanges[-1].id)) == plain(exchanges[-1])
    store.close()


def test_the_oldest_go_when_they_take_too_many_bytes(kind: str, tmp_path: Path) -> None:
    limit = 600_000
    store = opened(kind, tmp_path, bytes=limit)
    exchanges = [factories.wsgi_page(path=f"/{number}", query="q" * 5_000) for number in range(300)]
    for position in range(0, 300, 50):
        keep(store, *exchanges[position : position + 50])
        forget(store)
    statistics = store.statistics()
    assert statistics.bytes <= limit
    assert 10 < statistics.exchanges < 300
    assert paths(store, limit=3) == ["/299", "/298", "/297"]
    assert statistics.capacity.bytes == limit
    store.close()


def test_one_that_is_larger_than_the_capacity_harms_nobody(kind: str, tmp_path: Path) -> None:
    store = opened(kind, tmp_path, bytes=300_000)
    keep(store, factories.wsgi_page(query="q" * 500_000))
    forget(store)
    keep(store, factories.wsgi_page(path="/small"))
    forget(store)
    assert "/small" in paths(store)
    store.close()


def test_forgetting_a_great_many_takes_several_rounds(kind: str, tmp_path: Path) -> None:
    store = opened(kind, tmp_path, exchanges=5)
    packed = [store.pack(factories.in_flight(trail=[])) for _ in range(1_300)]
    store.write(packed[:5])
    if hasattr(store, "_next_prune"):
        store._next_prune = float("inf")
    store.write(packed[5:])
    forget(store)
    assert store.statistics().exchanges == 5
    store.close()


def test_words_of_forgotten_exchanges_go_with_them(tmp_path: Path) -> None:
    store: Any = opened("sqlite", tmp_path, exchanges=3)
    base = factories.wsgi_page(trail=[], handover=None)
    for number in range(10):
        vocabulary = Vocabulary()
        word = vocabulary.add(("X-Word", str(number)))
        exchange = msgspec.structs.replace(base, id=base.id + number, headers=[word])
        store.write([store.pack(exchange, vocabulary)], vocabulary)
        forget(store)
    assert [summary.id - base.id for summary in store.page()] == [9, 8, 7]
    count = "SELECT (SELECT COUNT(*) FROM word), (SELECT COUNT(*) FROM vocabulary), (SELECT COUNT(*) FROM record)"
    assert store._reader.use(lambda connection: connection.execute(count).fetchone()) == (3, 3, 3)
    store.close()


def test_a_process_whose_words_were_forgotten_writes_them_again(kind: str, tmp_path: Path) -> None:
    store = opened(kind, tmp_path, exchanges=1)
    vocabulary = Vocabulary()
    word = vocabulary.add(("X-Word", "kept"))
    base = factories.wsgi_page(trail=[], handover=None, headers=[word])
    later = msgspec.structs.replace(base, id=base.id + 5, headers=[])
    again = msgspec.structs.replace(base, id=base.id + 9)
    store.write([store.pack(base, vocabulary)], vocabulary)
    keep(store, later)
    forget(store)
    store.write([store.pack(again, vocabulary)], vocabulary)
    found = store.get(again.id)
    assert found is not None
    assert found.headers == [["X-Word", "kept"]]
    store.close()
