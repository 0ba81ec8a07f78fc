"""Pages with nothing on them, and pages that say no: each says so in a sentence, fits, and can be read by everybody."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

import factories
from django_gateway.exchange import format_id
from panels import PanelProcess

pytestmark = pytest.mark.browser

ARTEFACTS = Path(__file__).parents[2] / "test-artifacts"
EMPTY = {
    "/": "Nothing is recorded yet.",
    "/?q=status:418": "Nothing that is recorded matches.",
    "/routes/": "Nothing is recorded yet.",
    "/routes/?q=status:418": "Nothing that is recorded matches.",
    "/compare/": "It takes two recorded exchanges.",
    "/learn/": "Open a page of your project",
    "/settings/": "Settings in force",
    "/topology/": "Processes, from the one that started the others",
}
REFUSED = {
    "/exchanges/00000000000000ff/": 404,
    "/exchanges/nonsense/": 404,
    "/nothing/here/": 404,
    "/compare/?a=00000000000000ff&b=nonsense": 404,
}


@pytest.fixture(params=[(1400, "light"), (380, "dark")], ids=["wide-light", "narrow-dark"])
def look(request: pytest.FixtureRequest, page: Page) -> tuple[int, str]:
    width, scheme = request.param
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    return width, scheme


def look_at(page: Page, name: str, width: int, scheme: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    found = Axe().run(page).response
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == [], name
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}-{width}-{scheme}.png", full_page=True)


def quietly(page: Page, address: str, status: int) -> None:
    """Goes there; a browser would note an answer of 4xx on its console, and nothing may stand there."""

    found: list[int] = []

    def fulfil(route: Route) -> None:
        response = route.fetch()
        found.append(response.status)
        route.fulfill(response=response, status=200)

    page.route(address, fulfil)
    page.goto(address)
    page.unroute(address)
    assert found == [status], address


def test_empty_pages_say_so(page: Page, panel: PanelProcess, look: tuple[int, Any]) -> None:
    page.goto(panel.link("/"))
    for path, words in EMPTY.items():
        page.goto(f"{panel.address}{path}")
        expect(page.locator("main")).to_contain_text(words)
        look_at(
            page, f"empty-{path.strip('/?').replace('/?', '-').replace('=', '-').replace(':', '-') or 'list'}", *look
        )


def test_nothing_is_paused_where_nothing_comes_in(page: Page, panel: PanelProcess) -> None:
    page.goto(panel.link("/", q="hops:many"))
    expect(page.locator("#filter-problem")).to_contain_text("takes a number")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()


def test_pages_that_say_no_lead_on(page: Page, panel: PanelProcess, look: tuple[int, Any]) -> None:
    factories.keep(panel.store, factories.wsgi_page())
    page.goto(panel.link("/"))
    for number, (path, status) in enumerate(REFUSED.items()):
        quietly(page, f"{panel.address}{path}", status)
        expect(page.locator("main :is(h1, h2)").first).to_be_visible()
        look_at(page, f"refused-{number}", *look)
    page.locator("a.brand").click()
    expect(page.locator(".row")).to_have_count(1)


def test_who_has_no_token_is_told_how_to_get_in(page: Page, panel: PanelProcess, look: tuple[int, Any]) -> None:
    quietly(page, f"{panel.address}/", 403)
    expect(page.locator("main")).to_contain_text("gatewayserve")
    look_at(page, "denied", *look)


def test_an_exchange_that_is_cleared_meanwhile_says_so(page: Page, panel: PanelProcess, look: tuple[int, Any]) -> None:
    exchange = factories.asgi_page()
    factories.keep(panel.store, exchange)
    page.goto(panel.link(f"/exchanges/{format_id(exchange.id)}/"))
    panel.store.clear()
    quietly(page, f"{panel.address}/exchanges/{format_id(exchange.id)}/?tab=handover", 404)
    expect(page.locator("main")).to_contain_text("list")
    look_at(page, "gone", *look)


def test_a_journey_fits_a_phone_whole(page: Page, panel: PanelProcess) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    exchange = factories.asgi_page()
    factories.keep(panel.store, exchange)
    page.goto(panel.link(f"/exchanges/{format_id(exchange.id)}/"))
    inside = "const box = document.getElementById('plot-box'); box.scrollWidth <= box.clientWidth"
    page.wait_for_function(f"() => {{ {inside.replace('; box', '; return box')} }}")
    view = page.locator(".piece[data-lane=view]").first.bounding_box()
    assert view is not None
    assert 0 < view["x"] < view["x"] + view["width"] < 380
    # Labels of the axis stand apart.
    boxes = page.locator(".tick:visible text:visible").evaluate_all(
        "texts => texts.map(text => text.getBoundingClientRect()).map(({ left, right }) => [left, right])"
    )
    assert len(boxes) >= 3
    assert all(before[1] < after[0] for before, after in pairwise(boxes))
