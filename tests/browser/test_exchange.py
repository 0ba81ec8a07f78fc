"""The exchange page in a real browser: pointing, keys, zoom, and without scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

import factories
from django_gateway.exchange import Exchange, format_id
from panels import PanelProcess

pytestmark = pytest.mark.browser

ARTEFACTS = Path(__file__).parents[2] / "test-artifacts"


def show(page: Page, panel: PanelProcess, exchange: Exchange, **query: str) -> None:
    factories.keep(panel.store, exchange)
    page.goto(panel.link(f"/exchanges/{format_id(exchange.id)}/", **query))


def picture(page: Page, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


def piece(page: Page, name: str) -> Locator:
    return page.locator(f'.piece[data-name="{name}"]').first


def width(page: Page) -> float:
    return float(page.locator("#plot").evaluate("plot => plot.getBoundingClientRect().width"))


def seen(page: Page) -> tuple[float, float]:
    """The stretch of the plot that is in view, as fractions."""
    left, shown, whole = page.evaluate(
        "[document.getElementById('plot-box').scrollLeft, document.getElementById('plot-box').clientWidth,"
        " document.getElementById('plot').getBoundingClientRect().width]"
    )
    return left / whole, (left + shown) / whole


# The picture


def test_the_journey_of_a_request(page: Page, panel: PanelProcess) -> None:
    show(page, panel, factories.asgi_page())
    expect(page.locator("main h1")).to_contain_text("GET /orders/?page=2")
    expect(page.locator(".sentence")).to_contain_text("changing threads 16 times")
    expect(page.locator(".names")).to_contain_text("Middleware")
    expect(page.locator(".label text:visible", has_text="Session")).to_be_visible()
    expect(page.locator(".lines line")).to_have_count(32)
    expect(page.locator(".fact")).to_contain_text("16 thread hops, 2.47 of 7.35 ms.")
    page.set_viewport_size({"width": 1560, "height": 960})
    picture(page, "exchange-journey")


def test_pointing_tells_about_a_piece(page: Page, panel: PanelProcess) -> None:
    show(page, panel, factories.asgi_page())
    details = page.locator("#details")
    help_ = page.locator("#journey-help")
    expect(help_).to_be_visible()
    piece(page, "SessionMiddleware").locator(".base").hover(position={"x": 200, "y": 6})
    expect(details).to_contain_text("SessionMiddleware")
    expect(details).to_contain_text("0.25 ms of its own on the way in")
    expect(help_).to_be_hidden()
    page.locator("main h1").hover()
    expect(help_).to_be_visible()
    expect(details.locator(".said")).to_be_hidden()


def test_pieces_a_pixel_wide_can_be_pointed_at(page: Page, panel: PanelProcess) -> None:
    show(page, panel, factories.stream())
    chunk = page.locator(".piece[data-lane=body]").nth(12)
    box = chunk.bounding_box()
    assert box is not None
    assert box["width"] < 4
    page.mouse.move(box["x"] + box["width"] + 2, box["y"] + box["height"] / 2)
    expect(page.locator("#details")).to_contain_text("64 bytes handed to the server")


def test_the_keyboard_moves_from_piece_to_piece(page: Page, panel: PanelProcess) -> None:
    show(page, panel, factories.asgi_page())
    first = page.locator(".piece").first
    first.focus()
    details = page.locator("#details")
    expect(details).to_contain_text("It waited 7.35 ms")
    page.keyboard.press("ArrowDown")
    expect(details).to_contain_text("Daphne, event loop")
    page.keyboard.press("ArrowDown")
    expect(details).to_contain_text("sync_send")
    page.keyboard.press("ArrowRight")
    expect(details).to_contain_text("SecurityMiddleware.process_request")
    page.keyboard.press("End")
    expect(details).to_contain_text("HttpResponse.close")
    page.keyboard.press("Home")
    expect(details).to_contain_text("sync_send")
    focused = page.locator(".piece:focus")
    expect(focused).to_have_count(1)
    expect(focused).to_have_attribute("tabindex", "0")
    expect(page.locator('.piece[tabindex="0"]')).to_have_count(1)
    assert focused.locator("title").text_content() != ""


def test_zooming_by_buttons_and_keys(page: Page, panel: PanelProcess) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    show(page, panel, factories.asgi_page())
    whole = width(page)
    expect(page.get_by_role("button", name="− zoom out")).to_be_disabled()
    for _ in range(4):
        page.get_by_role("button", name="+ zoom in").click()
    assert width(page) == pytest.approx(whole * 1.6**4, rel=0.01)
    start, end = seen(page)
    assert (start + end) / 2 == pytest.approx(0.5, abs=0.02)
    expect(page.locator("#plot")).to_have_attribute("data-level", "4")
    ticks = page.locator(".tick:visible")
    assert ticks.count() > 12
    page.get_by_role("button", name="Fit").click()
    assert width(page) == pytest.approx(whole)
    page.locator(".piece").first.focus()
    page.keyboard.press("+")
    assert width(page) == pytest.approx(whole * 1.6, rel=0.01)
    page.keyboard.press("-")
    page.keyboard.press("+")
    page.keyboard.press("0")
    assert width(page) == pytest.approx(whole)
    for _ in range(12):
        page.keyboard.press("+")
    assert width(page) == pytest.approx(whole * 64)
    expect(page.get_by_role("button", name="+ zoom in")).to_be_disabled()


def test_zooming_by_dragging_and_the_wheel(page: Page, panel: PanelProcess) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    show(page, panel, factories.asgi_page())
    whole = width(page)
    box = page.locator("#plot").bounding_box()
    assert box is not None
    y = box["y"] + 40
    page.mouse.move(box["x"] + 0.30 * whole, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.35 * whole, y, steps=3)
    page.mouse.move(box["x"] + 0.40 * whole, y, steps=3)
    expect(page.locator("#selection")).to_have_attribute("width", "10.000%")
    page.mouse.up()
    start, end = seen(page)
    assert (start, end) == pytest.approx((0.30, 0.40), abs=0.01)
    expect(page.locator("#selection")).to_have_attribute("width", "0.000%")
    page.mouse.dblclick(box["x"] + 200, box["y"] + 5)
    assert width(page) == pytest.approx(whole)
    page.mouse.move(box["x"] + 0.75 * whole, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    assert width(page) == pytest.approx(whole * 1.25, rel=0.01)
    start, end = seen(page)
    assert start + 0.75 * (end - start) == pytest.approx(0.75, abs=0.01)
    page.mouse.wheel(0, 100)
    assert width(page) == pytest.approx(whole * 1.25, rel=0.01)


def test_labels_appear_where_zooming_makes_room_and_stay_in_view(page: Page, panel: PanelProcess) -> None:
    show(page, panel, factories.asgi_page())
    route = page.locator(".label text", has_text="Authentication").first
    expect(route).to_be_visible()
    for _ in range(7):
        page.get_by_role("button", name="+ zoom in").click()
    plot_box = page.locator("#plot-box").bounding_box()
    assert plot_box is not None
    label = page.locator(".label text:visible", has_text="application(scope").first
    expect(label).to_be_visible()
    box = label.bounding_box()
    assert box is not None
    assert box["x"] >= plot_box["x"] - 1
    assert box["x"] + box["width"] <= plot_box["x"] + plot_box["width"]


@pytest.mark.parametrize("make", factories.EVERY_KIND)
def test_no_label_covers_another(make: Callable[[], Exchange], page: Page, panel: PanelProcess) -> None:
    """As the browser measured them, with its own fonts, at widths and zooms that the server did not know."""
    page.set_viewport_size({"width": 1400, "height": 900})
    show(page, panel, make())
    for _ in range(4):
        boxes = page.locator(".label text:visible").evaluate_all(
            "texts => texts.map(text => { const { left, right, top, bottom } = text.getBoundingClientRect();"
            " return [left, right, top, bottom, text.textContent]; })"
        )
        assert boxes
        for number, (left, right, top, bottom, text) in enumerate(boxes):
            for other in boxes[number + 1 :]:
                apart = right <= other[0] or other[1] <= left or bottom <= other[2] + 3 or other[3] <= top + 3
                assert apart, (text, other[4])
        page.get_by_role("button", name="+ zoom in").click()
