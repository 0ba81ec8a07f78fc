"""By route, everything that is stored: counted in blocks, followed as it changes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import factories
from contract import KINDS, keep, opened
from django_gateway.exchange import Exchange, Failure, Match
from django_gateway.panel import counting as counts
from django_gateway.panel.counting import Counting, counting
from django_gateway.panel.routes import Group, Groups
from django_gateway.stores import Store
from django_gateway.stores.filters import parse
from panels import installed


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = opened(request.param, tmp_path, exchanges=40)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "BLOCK", 7)


def known(groups: Groups) -> dict[Any, Group]:
    return {(group.interface, group.type, group.method, group.name, group.view): group for group in groups}


def counted(store: Store, text: str = "") -> dict[Any, Group]:
    """All at once."""
    return known(Groups(store.page(parse(text), limit=1_000)))


def made(number: int, **changes: Any) -> Exchange:
    view = f"shop.views.number_{number % 3}"
    fields = {"started": 0, "ended": (number * 37 % 101 + 1) * 1_000_003, "status": 500 if number % 11 == 0 else 200}
    return factories.wsgi_page(**{**fields, "match": Match("orders/", view, "", [], []), **changes})


def test_the_newest_come_first_and_the_others_with_each_look(store: Store) -> None:
    keep(store, *(made(number) for number in range(30)))
    every = Counting([])
    looks = [every.count(store, 0.0) for _ in range(5)]
    assert [look.groups.count for look in looks] == [7, 14, 21, 28, 30]
    assert [look.whole for look in looks] == [False, False, False, False, True]
    assert known(looks[0].groups) == known(Groups(store.page(limit=7)))
    assert known(looks[4].groups) == counted(store)


def test_what_came_before_it_was_read_is_counted_once(store: Store) -> None:
    first = [made(number) for number in range(20)]
    keep(store, *first)
    every = Counting([])
    every.count(store, 0.0)
    # A new one, and one that began long ago, where nobody has read yet.
    keep(store, made(1), made(2, id=first[3].id + 1))
    assert every.count(store, 0.0).groups.count == 15
    assert known(every.count(store, 60.0).groups) == counted(store)


@pytest.mark.parametrize("text", ["", "status:5xx", "view:number_1 -status:200", "state:in_flight", "duration:>50"])
@pytest.mark.parametrize("seed", range(4))
def test_it_follows_whatever_happens(text: str, seed: int, store: Store) -> None:
    """The store's own pruning included: it holds forty."""
    chance = random.Random(seed)
    every, number = Counting(parse(text)), 0
    open_: list[Exchange] = []
    for _ in range(60):
        match chance.randrange(9):
            case 0 | 1 | 2 | 3:
                batch = [made(number + each) for each in range(chance.choice((1, 2, 9)))]
                number += len(batch)
                chance.shuffle(batch)
                keep(store, *batch)
            case 4:
                open_.append(factories.in_flight())
                keep(store, open_[-1])
            case 5 if open_:
                ended = open_.pop(chance.randrange(len(open_)))
                keep(store, made(number, id=ended.id, failure=Failure("ValueError", "no", [], None, True)))
            case 6 if page := store.page(limit=40):
                store.forget([chance.choice(page).id])
            case 7 if chance.random() < 0.2:
                store.clear()
            case 8:
                # So that the next write forgets the oldest, whatever the clock says.
                if hasattr(store, "_next_prune"):
                    store._next_prune = 0.0
        every.count(store, 0.0)
        if chance.random() < 0.3:
            found = every.count(store, 60.0)
            assert found.whole
            assert known(found.groups) == counted(store, text)
    assert known(every.count(store, 60.0).groups) == counted(store, text)


def test_too_much_news_is_counted_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST_NEWS", 4)
    every = Counting([])
    keep(store, *(made(number) for number in range(3)))
    every.count(store, 60.0)
    keep(store, *(made(number) for number in range(5)))
    assert known(every.count(store, 60.0).groups) == counted(store)


def test_each_filter_has_its_own_and_few_are_kept(store: Store) -> None:
    one = counting(store, parse("status:5xx"))
    assert counting(store, parse("status:5xx")) is one
    assert counting(store, parse("status:4xx")) is not one
    for number in range(counts.MOST_FILTERS):
        counting(store, parse(f"/{number}"))
    assert counting(store, parse("status:5xx")) is not one


def test_the_page_says_how_far_it_has_come(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "PATIENCE", 0.0)
    keep(store, *(made(number) for number in range(10)))
    with installed(store, tmp_path) as client:
        text = client.get("/routes/").content.decode()
        assert "Of the newest 7 so far: older ones are still being counted." in text
        assert "data-counting" in text
        text = client.get("/routes/").content.decode()
        assert "Of all 10 exchanges that are stored." in text
        assert "data-counting" not in text
