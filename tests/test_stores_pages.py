"""Pages, filters and news, in both stores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import factories
from contract import KINDS, forget, keep, opened, paths
from django_gateway.exchange import format_id
from django_gateway.stores import Store
from django_gateway.stores.filters import FIELDS, parse


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Iterator[Store]:
    store = opened(kind, tmp_path)
    yield store
    store.close()


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
