"""One contract, over the SQLite store and the memory store: putting, getting, words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import factories
import recorders
from contract import KINDS, keep, opened, paths, plain
from django_gateway.exchange import format_id, parse_id, summarise
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder, Recording
from django_gateway.stores import Capacity, Store, open_store
from django_gateway.vocabulary import WORDS, Vocabulary


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Iterator[Store]:
    store = opened(kind, tmp_path)
    yield store
    store.close()


# Putting and getting


@pytest.mark.parametrize("make", factories.EVERY_KIND, ids=lambda make: str(make.__name__))
def test_what_is_put_comes_back_whole(store: Store, make: Any) -> None:
    exchange = make()
    keep(store, exchange)
    assert plain(store.get(exchange.id)) == plain(exchange)
    assert store.page() == [summarise(exchange)]


def test_an_empty_store(store: Store) -> None:
    assert store.get(1) is None
    assert store.page() == []
    assert store.statistics().exchanges == 0
    cursor, news = store.since(-1)
    assert news == []
    assert store.since(cursor) == (cursor, [])
    store.clear()
    store.write([])
    assert store.page() == []


def test_any_text_comes_back(store: Store) -> None:
    exchange = factories.hostile("<script>\x00\x1b[31m'\"%_\\ ä日本\r\n")
    keep(store, exchange)
    assert plain(store.get(exchange.id)) == plain(exchange)


def test_an_id_that_is_known_is_replaced(store: Store) -> None:
    exchange = factories.in_flight()
    keep(store, exchange)
    finished = msgspec.structs.replace(exchange, state="finished", status=200, ended=exchange.started + 5)
    keep(store, finished)
    assert plain(store.get(exchange.id)) == plain(finished)
    assert [summary.status for summary in store.page()] == [200]
    assert store.statistics().exchanges == 1


def test_twice_in_one_batch_the_last_counts(store: Store) -> None:
    exchange = factories.in_flight()
    keep(store, exchange, msgspec.structs.replace(exchange, state="finished", status=204))
    assert [summary.status for summary in store.page()] == [204]
    assert store.statistics().exchanges == 1


@pytest.mark.parametrize("count", [1, 7, 8, 9, 63, 64, 65, 137])
def test_batches_of_every_size(store: Store, count: int) -> None:
    """They go in statements of 64, 8 and 1 rows."""
    exchanges = [factories.wsgi_page(path=f"/{number}") for number in range(count)]
    keep(store, *exchanges)
    assert paths(store, limit=1000) == [exchange.path for exchange in reversed(exchanges)]
    assert all(plain(store.get(exchange.id)) == plain(exchange) for exchange in exchanges)


# A recorder's exchanges, whose words are numbers


def recordings(count: int) -> list[Recording]:
    """Requests alike, so that all of their words are known by the second."""
    kept: list[Recording] = []
    recorder = Recorder(kept.append)

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Path", environ["PATH_INFO"])])
        return [b"answer"]

    for number in range(count):
        request = recorders.environ(f"/{number}", HTTP_USER_AGENT="the same in each", HTTP_COOKIE="a=b")
        recorders.serve(RecordedWSGI(application, recorder), request)
    return kept


def test_a_recorders_exchanges_come_back_with_their_words(store: Store) -> None:
    kept = recordings(5)
    exchanges = [recording.exchange() for recording in kept]
    assert exchanges[-1].handover is not None
    # What they have in common is one number by now.
    assert len(exchanges[-1].handover.entries) < 10
    store.write([store.pack(exchange, WORDS) for exchange in exchanges], WORDS)
    for number, exchange in enumerate(exchanges):
        found = store.get(exchange.id)
        assert found is not None
        told = recorders.entries(found)
        assert told["PATH_INFO"] == f"/{number}"
        assert told["HTTP_USER_AGENT"] == "the same in each"
        assert told["wsgi.url_scheme"] == "http"
        assert found.headers == [["Content-Type", "text/plain"], ["X-Path", f"/{number}"]]
        assert recorders.names(found) == ["wsgi.start_response", "wsgi.returned", "wsgi.body", "wsgi.close"]


def test_words_that_come_later_are_kept_too(store: Store) -> None:
    """As in the life of a process: each batch needs words that the ones before did not."""
    vocabulary = Vocabulary()
    base = factories.wsgi_page()
    for number in range(5):
        word = vocabulary.add(("X-Word", f"word {number}"))
        exchange = msgspec.structs.replace(base, id=base.id + number + 1, headers=[word], trail=[], handover=None)
        store.write([store.pack(exchange, vocabulary)], vocabulary)
    found = [store.get(base.id + number + 1) for number in range(5)]
    assert [exchange and exchange.headers for exchange in found] == [[["X-Word", f"word {n}"]] for n in range(5)]


def test_two_vocabularies_are_not_mixed_up(store: Store) -> None:
    base = factories.wsgi_page(trail=[], handover=None)
    for number in range(2):
        vocabulary = Vocabulary()
        word = vocabulary.add(("X-Process", f"{number}"))
        exchange = msgspec.structs.replace(base, id=base.id + number, headers=[word])
        store.write([store.pack(exchange, vocabulary)], vocabulary)
    found = [store.get(base.id + number) for number in range(2)]
    assert [exchange and exchange.headers for exchange in found] == [[["X-Process", "0"]], [["X-Process", "1"]]]


def test_words_are_written_again_after_clearing(store: Store) -> None:
    first, second = recordings(2), recordings(2)
    for kept in (first, second):
        store.write([store.pack(recording.exchange(), WORDS) for recording in kept], WORDS)
        store.clear()
    exchange = second[0].exchange()
    store.write([store.pack(exchange, WORDS)], WORDS)
    found = store.get(exchange.id)
    assert found is not None
    assert recorders.entries(found)["PATH_INFO"] == "/0"


# The rest


def test_clearing_forgets_everything(store: Store) -> None:
    exchanges = [factories.wsgi_page(), factories.websocket()]
    keep(store, *exchanges)
    store.clear()
    assert store.page() == []
    assert store.get(exchanges[0].id) is None
    assert store.statistics().exchanges == 0
    keep(store, factories.asgi_page())
    assert store.statistics().exchanges == 1


def test_statistics_and_location(store: Store, kind: str, tmp_path: Path) -> None:
    keep(store, factories.wsgi_page())
    statistics = store.statistics()
    assert statistics.exchanges == 1
    assert statistics.bytes > 500
    assert statistics.capacity == Capacity()
    assert statistics.location == store.location
    assert store.location == ("memory:" if kind == "memory" else f"sqlite:///{tmp_path}/exchanges.sqlite3")


@pytest.mark.parametrize(
    "url", ["", "sqlite:", "sqlite:///", "postgres://db", "sqlite://x", "memory", "/tmp/x.sqlite3"]
)
def test_a_store_that_does_not_exist_is_named(url: str) -> None:
    with pytest.raises(ValueError, match=r"use sqlite:///absolute/path or memory:"):
        open_store(url)


def test_three_slashes_and_four_name_the_same() -> None:
    assert open_store("sqlite:////tmp/x.sqlite3").location == open_store("sqlite:///tmp/x.sqlite3").location


@pytest.mark.parametrize(
    "text",
    ["", "1", "+00000000000001f", "0x0000000000001f", "1_00000000000001", " 00000000000001f", "８" * 16, "f" * 16],
)
def test_what_is_no_id(text: str) -> None:
    assert parse_id(text) is None


def test_ids_go_there_and_back() -> None:
    for number in (0, 1, 0x18F4_2B60_0000_0001, 2**63 - 1):
        assert parse_id(format_id(number)) == number
