"""What the resolver tried, the route that a path was nearest to, and what wraps the view."""

from __future__ import annotations

import pytest

from django_gateway.document import document
from django_gateway.routing import Attempt, almost
from inner_site import BOTH, asked


@BOTH
def test_what_was_tried_until_a_route_matched(interface: str) -> None:
    found = document(asked(interface, "/archive/2024/word/")[0])["routing"]
    assert (found["matched"], found["count"], found["almost"]) == (True, 2, None)
    assert found["tried"] == [
        {"patterns": ["first/"], "name": "first"},
        {"patterns": ["archive/<year4:year>/<slug:word>/"], "name": "archive"},
    ]
    assert found["converters"] == {"year": "Year", "word": "SlugConverter"}


@BOTH
def test_included_patterns_are_told_in_their_chain(interface: str) -> None:
    found = document(asked(interface, "/shop/orders/7/")[0])["routing"]
    assert found["tried"][-2:] == [
        {"patterns": ["shop/", "cart/"], "name": "cart"},
        {"patterns": ["shop/", "orders/<int:number>/"], "name": "order"},
    ]
    assert found["converters"] == {"number": "IntConverter"}


@pytest.mark.parametrize(
    ("where", "route", "why"),
    [
        ("/first", "first/", "the route has a slash at its end"),
        ("/First/", "first/", "upper and lower case"),
        ("/frist/", "first/", "'frist' is not 'first'"),
        ("/archive/twenty/word/", "archive/<year4:year>/<slug:word>/", "one of its converters"),
        ("/shop/orders/seven/", "shop/orders/<int:number>/", "'seven' is no int"),
        ("/shop/order/7/", "shop/orders/<int:number>/", "'order' is not 'orders'"),
        ("/something/else/entirely/", None, None),
        ("/old/x", None, None),
        ("/", None, None),
    ],
)
def test_the_route_that_a_path_was_nearest_to(where: str, route: str | None, why: str | None) -> None:
    found = document(asked("wsgi", where)[0])["routing"]
    assert not found["matched"]
    assert found["count"] == len(found["tried"]) == (10 if where.startswith("/shop/") else 9)
    if route is None or why is None:
        assert found["almost"] is None
    else:
        assert found["almost"]["route"] == route
        assert why in found["almost"]["why"]


def test_hostile_paths_are_near_to_nothing_and_cost_little() -> None:
    tried = [Attempt([f"route-{number}/<int:a>/"], None) for number in range(300)]
    for path_ in ("/" * 2_000, "a/" * 2_000, "(" * 500, "\\", "é" * 500, "x" * 5_000):
        assert almost(path_, tried) is None


@BOTH
def test_wrappers_of_the_view(interface: str) -> None:
    found = document(asked(interface, "/decorated/")[0])["routing"]
    assert [name.rpartition(".")[2] for name in found["wrappers"]] == [
        "csrf_exempt",
        "never_cache",
        "require_http_methods",
    ]
    assert document(asked(interface, "/first/")[0])["routing"]["wrappers"] == []
    assert document(asked(interface, "/class/")[0])["routing"]["wrappers"] == []


def test_wrappers_that_go_in_circles() -> None:
    from django_gateway.instrument.routes import wrappers

    def view() -> None: ...

    view.__wrapped__ = view  # type: ignore[attr-defined]
    assert 0 < len(wrappers(view)) <= 30
