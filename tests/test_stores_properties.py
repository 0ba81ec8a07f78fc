"""Any filter over any exchanges: SQLite and Python find the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import factories
from django_gateway.exchange import Exchange, Failure, Match, Server, Sizes, format_id
from django_gateway.stores import Capacity, Store
from django_gateway.stores.filters import NUMBERS, TEXTS, WORDS, Condition, FilterError, parse
from django_gateway.stores.memory import MemoryStore
from django_gateway.stores.sqlite import SQLiteStore
from trails import ORIGIN

#: Letters that fold in ASCII and that do not, the wildcards of LIKE, and what quotes and escapes.
TEXT = st.text("aAbB/ %_\\'\"äÄßſKK-:0", max_size=6)
NUMBER = st.integers(0, 9) | st.sampled_from([200, 204, 299, 300, 404, 2**40])
MAYBE_TEXT = st.none() | TEXT


@st.composite
def exchanges(draw: Any) -> list[Exchange]:
    made = []
    for number in range(draw(st.integers(1, 6))):
        started = ORIGIN
        ended = draw(st.none() | st.integers(0, 5_000_000))
        route = draw(MAYBE_TEXT)
        exception = draw(MAYBE_TEXT)
        fields: dict[str, Any] = {
            "id": 1_000 + number,
            "interface": draw(st.sampled_from(["wsgi", "asgi", "cgi"])),
            "method": draw(st.none() | st.sampled_from(["GET", "POST", "get"])),
            "path": draw(TEXT),
            "query": draw(TEXT),
            "status": draw(st.none() | NUMBER),
            "client": draw(MAYBE_TEXT),
            "server": Server(draw(MAYBE_TEXT), None, draw(NUMBER), "thread", "host"),
            "started": started,
            "ended": None if ended is None else started + ended,
            "match": None if route is None else Match(route, draw(TEXT), None, [], []),
            "failure": None if exception is None else Failure(exception, "", [], None, True),
            "sizes": Sizes(0, draw(NUMBER), draw(NUMBER), draw(NUMBER), draw(NUMBER), draw(NUMBER)),
            "trail": [],
        }
        made.append(msgspec.structs.replace(factories.wsgi_page(), **fields))
    return made


BOUND = st.none() | st.integers(0, 10).map(float) | st.sampled_from([0.5, 1.25, 200.0, 299.0, 1e30])
CONDITION = st.one_of(
    st.builds(Condition, st.sampled_from([*WORDS, *TEXTS]), TEXT, negated=st.booleans()),
    st.builds(
        Condition, st.sampled_from(NUMBERS), low=BOUND, high=BOUND, strict=st.booleans(), negated=st.booleans()
    ).filter(lambda condition: condition.low is not None or condition.high is not None),
    st.builds(Condition, st.just("id"), st.integers(999, 1_006).map(format_id), negated=st.booleans()),
)


@contextmanager
def both() -> Iterator[list[Store]]:
    with tempfile.TemporaryDirectory() as folder:
        sqlite = SQLiteStore(Path(folder) / "exchanges.sqlite3", Capacity())
        yield [sqlite, MemoryStore(Capacity())]
        sqlite.close()


@settings(max_examples=120, deadline=None)
@given(
    exchanges(), st.lists(st.lists(CONDITION, max_size=3), min_size=1, max_size=8), st.none() | st.integers(999, 1_006)
)
def test_any_conditions(kept: list[Exchange], queries: list[list[Condition]], before: int | None) -> None:
    with both() as stores:
        for store in stores:
            store.write([store.pack(exchange) for exchange in kept])
        for conditions in queries:
            sqlite, memory = (store.page(conditions, before=before, limit=3) for store in stores)
            assert sqlite == memory
            assert [summary.id for summary in sqlite] == sorted((summary.id for summary in sqlite), reverse=True)


@given(st.lists(st.text(max_size=12), max_size=4).map(" ".join))
def test_any_text_is_a_query_or_says_what_is_wrong(text: str) -> None:
    wrong: FilterError | None = None
    conditions: Sequence[Condition] = ()
    try:
        conditions = parse(text)
    except FilterError as error:
        wrong = error
    assert all(condition.field for condition in conditions)
    if wrong is not None:
        assert str(wrong)
        assert 0 <= wrong.position <= len(text)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda text: "\x00" not in text and '"' not in text))
def test_any_text_that_is_in_a_path_finds_it(text: str) -> None:
    exchange = factories.wsgi_page(path=f"/before/{text}/after", trail=[])
    with both() as stores:
        for store in stores:
            store.write([store.pack(exchange)])
            assert [summary.id for summary in store.page(parse(f'path:"{text}"'))] == [exchange.id]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour:red", "there are interface"),
        ("status:", "needs a value"),
        ("status:ok", "takes a number, such as 404"),
        ("hops:>many", "takes a number, such as 8"),
        ('path:"open', "not closed"),
        ("id:xyz", "sixteen hexadecimal digits"),
        ("path:\x00", "cannot be looked for"),
    ],
)
def test_a_bad_query_says_what_is_accepted(text: str, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        parse(f"status:200 {text}")


def test_the_position_of_an_error_is_in_the_text() -> None:
    with pytest.raises(FilterError) as caught:
        parse("status:200 colour:red")
    assert caught.value.position == 11
