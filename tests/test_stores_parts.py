"""What others learned about an exchange: attached before or after it is written, found with it, forgotten with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import factories
from asgi_applications import answers
from contract import KINDS, forget, keep, opened
from django_gateway.correlation import keys, trace_id
from django_gateway.exchange import Exchange, Handover, format_id
from django_gateway.stores import Part, Store
from django_gateway.stores.base import MOST_FORGOTTEN
from recorders import Recorded, environ, scope, serve, serve_asgi, strictly

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Iterator[Store]:
    store = opened(kind, tmp_path)
    yield store
    store.close()


def asked(request_id: str | None, **changes: Any) -> Exchange:
    return factories.wsgi_page(request_id=request_id, **changes)


def now(**changes: Any) -> Exchange:
    """One that a recorder made just now: its id lies where parts are attached now."""
    recorded = Recorded()
    serve(recorded.wsgi(application))
    return msgspec.structs.replace(recorded.only, **changes)


def application(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return [b""]


def parts(store: Store, exchange: Exchange) -> dict[str, Any]:
    found = store.get(exchange.id)
    assert found is not None
    return found.parts


@pytest.mark.parametrize("before", [True, False])
def test_a_part_is_found_with_its_exchange(store: Store, before: bool) -> None:
    exchange, other = asked("r-1"), asked("r-2")
    data = {"name": "nginx", "bytes": b"\x00\xff", "ms": 1.5, "steps": [1, None, True]}
    if before:
        store.attach("r-1", "proxy", data)
    keep(store, exchange, other)
    if not before:
        store.attach("r-1", "proxy", data)
    assert parts(store, exchange) == {"proxy": data}
    assert parts(store, other) == {}


def test_parts_of_several_kinds_and_of_a_newer_word(store: Store) -> None:
    exchange = asked("r-1")
    keep(store, exchange)
    store.attach_all([Part("r-1", "proxy", 1), Part("r-1", "wire", 2), Part("r-1", "proxy", 3)])
    assert parts(store, exchange) == {"proxy": 3, "wire": 2}


def test_a_part_is_found_by_the_trace_and_by_the_id_and_the_most_particular_counts(store: Store) -> None:
    traced = environ("/", HTTP_TRACEPARENT=f"00-{TRACE}-00f067aa0ba902b7-01")
    exchange = asked("r-1", handover=Handover("environ", [list(pair) for pair in traced.items()]))
    assert keys(exchange) == [TRACE, "r-1", format_id(exchange.id)]
    keep(store, exchange)
    store.attach(TRACE, "proxy", "by trace")
    assert parts(store, exchange) == {"proxy": "by trace"}
    store.attach(format_id(exchange.id), "proxy", "by id")
    store.attach("r-1", "proxy", "by request id")
    assert parts(store, exchange) == {"proxy": "by id"}


@pytest.mark.parametrize(
    "header", ["", "nonsense", f"00-{TRACE[:-1]}-00f067aa0ba902b7-01", f"00-{'0' * 32}-{'1' * 16}-01"]
)
def test_what_is_no_trace(header: str) -> None:
    handover = Handover("scope", [["headers", [["traceparent", header], ["x", "y"]]]])
    assert trace_id(factories.asgi_page(handover=handover)) is None


def test_exchanges_are_found_by_request_id(store: Store) -> None:
    one, two, three, nobody = asked("a"), asked("b"), asked("a"), asked(None)
    keep(store, one, two, three, nobody)
    assert store.find(["a", "c"]) == {"a": [one.id, three.id]}
    assert store.find([]) == {}


def test_forgetting_by_number(store: Store) -> None:
    one, two = asked("a"), asked("b")
    keep(store, one, two)
    store.attach("a", "proxy", 1)
    store.forget([one.id, 12345])
    assert store.get(one.id) is None
    assert [summary.id for summary in store.page()] == [two.id]
    keep(store, one)
    assert parts(store, one) == {"proxy": 1}


def test_a_store_tells_what_it_was_told_to_forget(store: Store) -> None:
    one, two = asked("a"), asked("b")
    keep(store, one, two)
    before, _ = store.since(-1)
    assert store.forgotten(before) == []
    store.forget([two.id])
    between, news = store.since(before)
    assert (news, store.forgotten(before)) == ([], [two.id])
    store.forget([one.id, 12345])
    assert between < store.since(-1)[0]
    assert store.forgotten(before) == [two.id, one.id, 12345]
    assert store.forgotten(between) == [one.id, 12345]
    assert store.forgotten(store.since(-1)[0]) == []
    store.forget(range(2 * MOST_FORGOTTEN))
    assert store.forgotten(before) == list(range(MOST_FORGOTTEN, 2 * MOST_FORGOTTEN))


def test_parts_go_with_the_exchanges_of_their_time(kind: str, tmp_path: Path) -> None:
    store = opened(kind, tmp_path, exchanges=1)
    store.attach("a", "proxy", 1)
    first = now()
    store.attach("b", "proxy", 2)
    second = now()
    keep(store, first, second)
    forget(store)
    assert [summary.id for summary in store.page()] == [second.id]
    # Written once more under other names, to see what is left.
    left = {name: msgspec.structs.replace(second, request_id=name) for name in ("a", "b")}
    for name, kept in (("a", {}), ("b", {"proxy": 2})):
        keep(store, left[name])
        assert parts(store, left[name]) == kept
    store.close()


def test_parts_without_an_exchange_are_bounded(kind: str, tmp_path: Path) -> None:
    store = opened(kind, tmp_path, exchanges=5)
    for number in range(40):
        store.attach(f"r-{number}", "proxy", number)
    exchange = now(request_id="r-39")
    keep(store, exchange)
    assert parts(store, exchange) == {"proxy": 39}
    keep(store, msgspec.structs.replace(exchange, request_id="r-20"))
    assert parts(store, exchange) == {}
    store.close()


def test_clearing_forgets_parts(store: Store) -> None:
    exchange = asked("a")
    store.attach("a", "proxy", 1)
    keep(store, exchange)
    store.clear()
    keep(store, exchange)
    assert parts(store, exchange) == {}


def test_an_empty_store_has_no_parts(store: Store) -> None:
    assert store.find(["a"]) == {}
    store.forget([1])
    store.attach_all([])
    assert store.statistics().exchanges == 0


# What the recorder keeps


@pytest.mark.parametrize(
    ("header", "known"),
    [("r-1", "r-1"), ("a" * 128, "a" * 128), ("a" * 129, None), ("two words", None), ("ä", None), ("", None)],
)
def test_the_header_is_kept_under_wsgi(header: str, known: str | None) -> None:
    recorded = Recorded()
    with strictly():
        serve(recorded.wsgi(application), environ("/", HTTP_X_REQUEST_ID=header))
    assert recorded.only.request_id == known


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ([(b"x-request-id", b"r-1")], "r-1"),
        ([[b"host", b"x"], [b"x-request-id", b"r-1"]], "r-1"),
        ([(b"x-request-id", b"\xff")], None),
        ([(b"host", b"x")], None),
        ([("odd",), None], None),
        (iter([(b"x-request-id", b"r-1")]), None),
    ],
)
async def test_the_header_is_kept_under_asgi(headers: Any, known: str | None) -> None:
    recorded = Recorded()
    with strictly():
        await serve_asgi(recorded.asgi(answers), scope(headers=headers))
    assert recorded.only.request_id == known
