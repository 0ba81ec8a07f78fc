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
from django_gateway.panel import routes
from django_gateway.panel.routes import ORDERS, OTHERS, Group, Groups, bucket, middle, ordered
from django_gateway.panel.rows import BAR
from django_gateway.panel.views import routes as view
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
    found = {(group.interface, group.method, group.name): group for group in Groups(summaries())}
    assert found["wsgi", "GET", "/orders/"].count == 2
    assert found["asgi", "GET", "/orders/"].count == 1
    assert found["wsgi", "GET", "/nowhere/"].refused == 1
    assert found["wsgi", "POST", "/pay/<int:order>/"].failed == 1
    report = found["wsgi", "GET", "/report/"]
    assert (report.count, report.median, report.failed) == (1, None, 0)
    assert found["wsgi", "POST", "/report/"].failed == 1


def test_what_fails_after_its_head_was_sent_has_failed() -> None:
    (group,) = Groups([summarise(factories.failure(status=200))])
    assert (group.failed, group.refused) == (1, 0)


def test_the_worst_come_first() -> None:
    groups = Groups(summaries())
    assert ordered(groups, "worst")[0].failed
    slow = [group.late or 0 for group in ordered(groups, "slow")]
    assert slow == sorted(slow, reverse=True)
    assert ordered(groups, "busy")[0].name == "/orders/"
    assert ordered(groups, "hops")[0].hops == 16
    for order in ORDERS:
        assert len(ordered(groups, order)) == len(list(groups))


def test_a_group_is_found_again_by_its_filter() -> None:
    every = summaries()
    for group in Groups(every):
        conditions = parse(group.terms)
        found = [summary for summary in every if matches(summary, conditions)]
        assert group.slowest in {summary.id for summary in found}
        if group.view != "shop.views.report":
            assert len(found) == group.count, group.terms
    (odd,) = Groups([summarise(factories.hostile('"'))])
    assert odd.terms == ""


def durations(*given: int) -> Group:
    (group,) = Groups(summarise(factories.wsgi_page(started=0, ended=each)) for each in given)
    return group


def test_percentiles_are_exact_to_two_percent() -> None:
    assert durations(7_000_001).median == durations(7_000_001).late == 7_000_001
    for most in (100, 100_000, 100_000_000_000):
        values = [most * each // 100 for each in range(1, 101)]
        group = durations(*values)
        assert group.median == pytest.approx(most * 0.5, rel=0.02)
        assert group.late == pytest.approx(most * 0.95, rel=0.02)
        assert group.percentile(100) == pytest.approx(most, rel=0.02)
        assert (group.total, group.longest, group.shortest) == (sum(values), most, most // 100)
    assert [middle(bucket(each)) for each in range(64)] == list(range(64))
    instants = [3**each for each in range(40)]
    assert [bucket(each) for each in instants] == sorted({bucket(each) for each in instants})


def test_what_is_counted_in_pieces_comes_to_the_same() -> None:
    every = summaries()
    together = Groups(every[:4])
    together.merge(Groups(every[4:9]))
    together.merge(Groups(every[9:]))
    key = lambda group: (group.interface, group.type, group.method, group.name, group.view)  # noqa: E731
    assert sorted(together, key=key) == sorted(Groups(every), key=key)
    assert together.count == Groups(every).count == sum(each.type != "lifespan" for each in every)


def test_paths_without_a_route_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MOST_PATHS", 3)
    lost = [summarise(factories.wsgi_page(match=None, path=f"/{number}.php", status=404)) for number in range(9)]
    found = Groups([*lost, summarise(factories.asgi_page())])
    assert [(group.name, group.count) for group in found if group.of_path] == [
        ("/0.php", 1),
        ("/1.php", 1),
        ("/2.php", 1),
        (OTHERS, 6),
    ]
    assert [group.terms for group in found if group.name == OTHERS] == [""]
    found.merge(Groups(summarise(factories.wsgi_page(match=None, path=f"/{name}.asp", status=404)) for name in "ab"))
    assert {group.name: group.count for group in found}[OTHERS] == 8


def test_many_groups_are_turned_page_by_page(program: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "PAGE", 4)
    factories.keep(store, *(factories.wsgi_page(match=None, path=f"/{number}/", status=404) for number in range(10)))
    seen: list[str] = []
    address = "/routes/?order=slow"
    for number in (1, 2, 3):
        text = program.get(address).content.decode()
        assert f"Page {number} of 3, 10 routes and paths" in text
        seen += re.findall(r"<bdi>(/\d/)</bdi>", text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        assert (following is None) == (number == 3)
        if following is not None:
            address = "/routes/" + unescape(following[1])
            assert "order=slow" in address
    assert sorted(seen) == [f"/{number}/" for number in range(10)]
    for odd in ("0", "-1", "99999999999", "\u0663", "x"):
        assert program.get("/routes/", {"page": odd}).status_code == 200


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
