"""The list by route: what is grouped, in which order, and found again by which filter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from django.test import Client

import factories
from django_gateway.exchange import Summary, summarise
from django_gateway.panel.routes import ORDERS, grouped, ordered, percentile
from django_gateway.panel.rows import BAR
from django_gateway.panel.views.routes import segments
from django_gateway.stores import Capacity, Store
from django_gateway.stores.filters import matches, parse
from django_gateway.stores.memory import MemoryStore
from panels import installed


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


def summaries() -> list[Summary]:
    made = [make() for make in factories.EVERY_KIND]
    made += [factories.wsgi_page(query="page=3"), factories.wsgi_page(match=None, path="/nowhere/", status=404)]
    return [summarise(each) for each in made]


def test_exchanges_are_grouped_by_interface_method_and_route() -> None:
    found = {(group.interface, group.method, group.name): group for group in grouped(summaries())}
    assert found["wsgi", "GET", "/orders/"].count == 2
    assert found["asgi", "GET", "/orders/"].count == 1
    assert found["wsgi", "GET", "/nowhere/"].refused == 1
    assert found["wsgi", "POST", "/pay/<int:order>/"].failed == 1
    report = found["wsgi", "GET", "/report/"]
    assert (report.count, report.median, report.failed) == (1, None, 0)
    assert found["wsgi", "POST", "/report/"].failed == 1


def test_the_worst_come_first() -> None:
    groups = grouped(summaries())
    assert ordered(groups, "worst")[0].failed
    slow = [group.late or 0 for group in ordered(groups, "slow")]
    assert slow == sorted(slow, reverse=True)
    assert ordered(groups, "busy")[0].name == "/orders/"
    assert ordered(groups, "hops")[0].hops == 16
    for order in ORDERS:
        assert len(ordered(groups, order)) == len(groups)


def test_a_group_is_found_again_by_its_filter() -> None:
    every = summaries()
    for group in grouped(every):
        conditions = parse(group.terms)
        found = {summary.id for summary in every if matches(summary, conditions)}
        assert {summary.id for summary in group.summaries} <= found
        if group.view != "shop.views.report":
            assert len(found) == group.count, group.terms
    odd = grouped([summarise(factories.hostile('"'))])
    assert odd[0].terms == ""


def test_percentiles_by_nearest_rank() -> None:
    assert percentile([], 50) is None
    assert percentile([7], 95) == 7
    values = list(range(1, 101))
    assert (percentile(values, 50), percentile(values, 95), percentile(values, 100)) == (50, 95, 100)


def test_bars_are_measured_against_the_longest() -> None:
    assert segments([0, 10, 20, 30, 40], 400)[-1]["x"] + segments([0, 10, 20, 30, 40], 400)[-1]["width"] == BAR // 2
    assert segments([0, 0, 0, 0, 0], 1) == []


def test_the_page_leads_to_each_group_and_keeps_the_filter(program: Client, store: Store) -> None:
    factories.keep(store, *(make() for make in factories.EVERY_KIND))
    text = program.get("/routes/").content.decode()
    links = [unescape(link) for link in re.findall(r'class="group-link" href="([^"]+)"', text)]
    assert len(links) == len(factories.EVERY_KIND)
    for link in links:
        (query,) = parse_qs(link.partition("?")[2])["q"]
        assert 'class="row"' in program.get("/", {"q": query}).content.decode()
    text = program.get("/routes/", {"q": "status:5xx", "order": "slow"}).content.decode()
    assert text.count('class="group-link"') == 1
    assert "?q=status%3A5xx&amp;order=busy" in text
    assert "takes a number" in program.get("/routes/", {"q": "hops:many"}).content.decode()
    assert "Nothing that is recorded matches" in program.get("/routes/", {"q": "status:418"}).content.decode()


def test_hostile_text_is_shown_as_text(program: Client, store: Store) -> None:
    factories.keep(store, factories.hostile("<img src=x onerror=alert(1)>\u202e"))
    text = program.get("/routes/").content.decode()
    assert "<img" not in text
    assert "\u202e" not in text
