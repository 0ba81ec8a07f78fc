"""One contract, over the SQLite store and the memory store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import factories
import recorders
from django_gateway.exchange import Exchange, format_id, parse_id, summarise
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder, Recording
from django_gateway.stores import Capacity, Store, open_store
from django_gateway.stores.filters import FIELDS, parse
from django_gateway.vocabulary import WORDS, Vocabulary

KINDS = ["sqlite", "memory"]


def opened(kind: str, folder: Path, **capacity: int) -> Store:
    url = f"sqlite:///{folder}/exchanges.sqlite3" if kind == "sqlite" else "memory:"
    return open_store(url, Capacity(**capacity))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Iterator[Store]:
    store = opened(kind, tmp_path)
    yield store
    store.close()


def keep(store: Store, *exchanges: Exchange) -> None:
    store.write([store.pack(exchange) for exchange in exchanges])


def plain(exchange: Exchange | None) -> Any:
    """As data: tuples and lists are the same there."""
    return None if exchange is None else msgspec.json.decode(msgspec.json.encode(exchange))


def paths(store: Store, query: str = "", **options: Any) -> list[str]:
    return [summary.path for summary in store.page(parse(query), **options)]


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
    # The entries that repeat are numbers by now.
    assert sum(type(entry) is int for entry in exchanges[-1].handover.entries) > 10
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


# Pages


def test_pages_are_newest_first_and_follow_each_other(store: Store) -> None:
    exchanges = [factories.wsgi_page(path=f"/{number}") for number in range(25)]
    keep(store, *exchanges[:10])
    keep(store, *exchanges[10:])
    seen: list[str] = []
    before = None
    while page := store.page(before=before, limit=10):
        assert len(page) <= 10
        seen += [summary.path for summary in page]
        before = page[-1].id
    assert seen == [exchange.path for exchange in reversed(exchanges)]


def test_the_limit_counts_what_matches(store: Store) -> None:
    keep(store, *(factories.wsgi_page(path=f"/{number}", status=200 + number % 2) for number in range(20)))
    assert paths(store, "status:200", limit=3) == ["/18", "/16", "/14"]


EXAMPLES = {
    "interface": ["interface:wsgi", "interface:ASGI", "-interface:asgi", "interface:asg"],
    "type": ["type:websocket", "-type:http"],
    "state": ["state:in_flight", "state:interrupted", "-state:finished"],
    "method": ["method:get", "method:POST", "-method:GET"],
    "path": ["path:/orders", "/ORDERS", "-path:/orders", 'path:"/chat/lobby/"', "path:%", "path:_", "path:\\"],
    "query": ["query:page", "-query:page"],
    "route": ["route:<int", "-route:orders"],
    "view": ["view:shop.views", "-view:PAY"],
    "client": ["client:127.0.0.1", "-client:1"],
    "server": ["server:daphne", "-server:WSGI"],
    "exception": ["exception:ZeroDivision", "-exception:zero"],
    "status": ["status:200", "status:5xx", "status:>=400", "-status:2xx", "status:100..299", "status:<200"],
    "duration": ["duration:>4", "duration:<=4.5", "-duration:>1000", "duration:0..10"],
    "hops": ["hops:16", "hops:>0", "-hops:0"],
    "size": ["size:18204", "size:<100", "-size:0..145"],
    "chunks": ["chunks:31", "chunks:>1", "-chunks:1"],
    "messages": ["messages:36", "messages:>0", "-messages:0"],
    "pid": ["pid:4711", "-pid:4711", "pid:900..1000"],
}


def test_every_field_has_an_example() -> None:
    assert EXAMPLES.keys() == {*FIELDS} - {"id"}


@pytest.mark.parametrize("query", [query for queries in EXAMPLES.values() for query in queries])
def test_both_stores_find_the_same(query: str, tmp_path: Path) -> None:
    stores = [opened(kind, tmp_path) for kind in KINDS]
    exchanges = [make() for make in factories.EVERY_KIND]
    for store in stores:
        keep(store, *exchanges)
    sqlite, memory = (store.page(parse(query)) for store in stores)
    assert sqlite == memory
    # A negated condition finds the rest: what is not known counts as not matching.
    negated = query.removeprefix("-") if query.startswith("-") else f"-{query}"
    assert {s.id for s in sqlite} ^ {s.id for s in stores[0].page(parse(negated))} == {e.id for e in exchanges}
    for store in stores:
        store.close()


def test_an_exchange_is_found_by_its_id(store: Store) -> None:
    exchanges = [factories.wsgi_page(), factories.asgi_page()]
    keep(store, *exchanges)
    query = f"id:{format_id(exchanges[1].id)}"
    assert [summary.id for summary in store.page(parse(query))] == [exchanges[1].id]
    assert [summary.id for summary in store.page(parse(f"-{query}"))] == [exchanges[0].id]


def test_conditions_are_joined_by_and(store: Store) -> None:
    keep(store, factories.wsgi_page(), factories.asgi_page(), factories.failure())
    assert paths(store, "interface:wsgi status:200") == ["/orders/"]
    assert paths(store, "interface:wsgi -status:200 method:post") == ["/pay/7/"]
    assert paths(store, "interface:wsgi status:404") == []


# News


def test_news_come_in_the_order_they_were_put(store: Store) -> None:
    cursor, _ = store.since(-1)
    exchanges = [factories.wsgi_page(path=f"/{number}") for number in range(6)]
    keep(store, *exchanges[:3])
    cursor, news = store.since(cursor)
    assert [summary.path for summary in news] == ["/0", "/1", "/2"]
    assert store.since(cursor) == (cursor, [])
    keep(store, exchanges[3])
    keep(store, exchanges[4])
    cursor, news = store.since(cursor)
    assert [summary.path for summary in news] == ["/3", "/4"]


def test_what_started_long_ago_and_ends_now_is_news(store: Store) -> None:
    old, new = factories.websocket(path="/old"), factories.wsgi_page(path="/new")
    assert old.id < new.id
    keep(store, new)
    cursor, _ = store.since(-1)
    keep(store, old)
    _, news = store.since(cursor)
    assert [summary.path for summary in news] == ["/old"]


def test_what_is_replaced_is_news_again(store: Store) -> None:
    exchange = factories.in_flight()
    keep(store, exchange, factories.wsgi_page())
    cursor, _ = store.since(-1)
    keep(store, msgspec.structs.replace(exchange, state="finished"))
    _, news = store.since(cursor)
    assert [(summary.id, summary.state) for summary in news] == [(exchange.id, "finished")]


def test_of_more_news_than_the_limit_the_newest_are_told(store: Store) -> None:
    cursor, _ = store.since(-1)
    keep(store, *(factories.wsgi_page(path=f"/{number}") for number in range(10)))
    cursor, news = store.since(cursor, limit=3)
    assert [summary.path for summary in news] == ["/7", "/8", "/9"]
    assert store.since(cursor)[1] == []


def test_a_cursor_outlives_clearing(store: Store) -> None:
    keep(store, factories.wsgi_page(), factories.wsgi_page())
    cursor, _ = store.since(-1)
    store.clear()
    cursor, news = store.since(cursor)
    assert news == []
    keep(store, factories.wsgi_page(path="/first"))
    cursor, news = store.since(cursor)
    assert [summary.path for summary in news] == ["/first"]
    # As many batches as there were before: the numbers must not meet again.
    store.clear()
    keep(store, factories.wsgi_page(path="/second"))
    _, news = store.since(cursor)
    assert [summary.path for summary in news] == ["/second"]


def test_a_cursor_outlives_what_it_points_at(kind: str, tmp_path: Path) -> None:
    """An exchange that began long ago is the newest of the news, and the first to be forgotten."""
    store = opened(kind, tmp_path, exchanges=2)
    slow = factories.websocket(path="/slow")
    keep(store, factories.wsgi_page(), factories.wsgi_page())
    cursor, _ = store.since(-1)
    keep(store, slow)
    forget(store)
    cursor, _ = store.since(cursor)
    keep(store, factories.wsgi_page(path="/next"))
    _, news = store.since(cursor)
    assert [summary.path for summary in news] == ["/next"]
    store.close()


def test_nothing_put_by_two_writers_is_missed(kind: str, tmp_path: Path) -> None:
    store = opened(kind, tmp_path)
    others = [opened(kind, tmp_path), opened(kind, tmp_path)] if kind == "sqlite" else [store, store]
    cursor, _ = store.since(-1)
    exchanges = [factories.wsgi_page() for _ in range(120)]

    def write(part: int) -> None:
        for exchange in exchanges[part::2]:
            keep(others[part], exchange)

    threads = [threading.Thread(target=write, args=(part,)) for part in range(2)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    while len(seen) < len(exchanges) and (any(thread.is_alive() for thread in threads) or store.since(cursor)[1]):
        cursor, news = store.since(cursor)
        seen += [summary.id for summary in news]
    for thread in threads:
        thread.join()
    cursor, news = store.since(cursor)
    seen += [summary.id for summary in news]
    assert sorted(seen) == sorted(exchange.id for exchange in exchanges)
    for opened_store in {id(one): one for one in (store, *others)}.values():
        opened_store.close()


# Capacity


def forget(store: Store) -> None:
    """SQLite looks after its capacity once a second; now it is to do so at once."""
    if hasattr(store, "_next_prune"):
        store._next_prune = 0.0
    store.write([])


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
    store = opened(kind, tmp_path, bytes=200_000)
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
    count = "SELECT (SELECT COUNT(*) FROM word), (SELECT COUNT(*) FROM vocabulary), (SELECT COUNT(*) FROM record)"
    assert store._reader.use(lambda connection: connection.execute(count).fetchone()) == (3, 3, 3)
    assert [summary.id - base.id for summary in store.page()] == [9, 8, 7]
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
