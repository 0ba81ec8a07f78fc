"""zoom.js, function by function, in the browser that runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

import factories
from django_gateway.exchange import Exchange, format_id
from panels import PanelProcess

pytestmark = pytest.mark.browser


def show(page: Page, panel: PanelProcess, exchange: Exchange, **query: str) -> None:
    factories.keep(panel.store, exchange)
    page.goto(panel.link(f"/exchanges/{format_id(exchange.id)}/", **query))


@pytest.fixture
def zoom(page: Page, panel: PanelProcess) -> Callable[[str], Any]:
    """Evaluates an expression over the functions of zoom.js."""
    show(page, panel, factories.wsgi_page())
    address = page.locator("script[src*='journey.js']").get_attribute("src")
    assert address is not None
    module = address.replace("journey.js", "zoom.js")
    return lambda expression: page.evaluate(f"import('{module}').then(zoom => {expression})")


def test_numbers_of_zooming(zoom: Callable[[str], Any]) -> None:
    assert zoom("[1, 3.9, 4, 15, 16, 64].map(zoom.level)") == [1, 1, 4, 4, 16, 16]
    assert zoom("zoom.scrollFor(0.5, 2000, 300)") == 700
    assert zoom(
        "[zoom.factorFor(0.2, 0.4), zoom.factorFor(0.4, 0.2), zoom.factorFor(0.1, 0.1), zoom.factorFor(0, 1)]"
    ) == (pytest.approx([5, 5, 64, 1]))
    assert zoom("zoom.clamp(5, 1, 3)") == 3


def test_wordings_and_where_they_stand(zoom: Callable[[str], Any]) -> None:
    labels = "[{need: 200, room: 20}, {need: 60, room: 20}]"
    assert [zoom(f"zoom.wording({labels}, {width})") for width in (1000, 500, 200)] == [0, 1, -1]
    label = "{x: 10, room: 30, need: 50}"
    assert [zoom(f"zoom.stand({label}, 1000, {left})") for left in (0, 150, 380)] == [100, 150, 350]
    assert zoom("zoom.stand({x: 10, room: 1, need: 50}, 1000, 500)") == 100


def test_neighbours_of_a_piece(zoom: Callable[[str], Any]) -> None:
    places = "[{x: 0, y: 10}, {x: 50, y: 40}, {x: 5, y: 40}, {x: 90, y: 40}, {x: 60, y: 70}]"

    def to(index: int, key: str) -> Any:
        return zoom(f"zoom.neighbour({places}, {index}, '{key}')")

    assert [to(2, "ArrowRight"), to(1, "ArrowRight"), to(3, "ArrowRight")] == [1, 3, 3]
    assert [to(3, "ArrowLeft"), to(2, "ArrowLeft")] == [1, 2]
    assert [to(1, "Home"), to(1, "End")] == [2, 3]
    assert [to(0, "ArrowDown"), to(1, "ArrowDown"), to(4, "ArrowDown")] == [2, 4, 4]
    assert [to(4, "ArrowUp"), to(0, "ArrowUp")] == [1, 0]
