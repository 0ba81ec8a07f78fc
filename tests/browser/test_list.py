"""The list in a real browser: live, by keyboard, without scripts, readable for everybody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

import factories
from panels import TOKEN, MountedPanel, PanelProcess

pytestmark = pytest.mark.browser

ARTEFACTS = Path(__file__).parents[2] / "test-artifacts"


def enter(page: Page, panel: PanelProcess) -> None:
    page.goto(panel.link("/"))
    expect(page.locator("#live-text")).to_have_text("live")


def rows(page: Page) -> Any:
    return page.locator(".row > a")


def picture(page: Page, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png")


def test_a_request_arrives_live_and_is_opened(page: Page, panel: PanelProcess) -> None:
    enter(page, panel)
    assert TOKEN not in page.url
    expect(page.locator("#empty")).to_contain_text("Nothing is recorded yet.")
    factories.keep(panel.store, factories.asgi_page())
    row = rows(page).first
    expect(row).to_contain_text("GET /orders/?page=2")
    expect(row).to_contain_text("16 thread hops · shop.views.orders")
    expect(row.locator(".bar rect")).to_have_count(4)
    expect(page.locator("#empty")).to_be_hidden()
    expect(page.locator("#recorded-count")).to_have_text("1")
    row.click()
    expect(page).to_have_url(re.compile(r"/exchanges/[0-9a-f]{16}/$"))
    expect(page.locator("aside .row > a[aria-current=page]")).to_have_count(1)


def test_what_is_recorded_and_what_arrives_looks_the_same(page: Page, panel: PanelProcess) -> None:
    enter(page, panel)
    factories.keep(panel.store, *(make() for make in factories.EVERY_KIND))
    expect(rows(page)).to_have_count(len(factories.EVERY_KIND))
    arrived = look(page)
    page.reload()
    expect(rows(page)).to_have_count(len(factories.EVERY_KIND))
    assert look(page) == arrived
    picture(page, "list")


def look(page: Page) -> Any:
    """Every element of every row: its name, what is set on it, its own text."""
    return page.evaluate("""() => Array.from(document.querySelectorAll(".row, .row *"), element => [
        element.localName,
        Array.from(element.attributes, each => `${each.name}=${each.name === "href" ? element.href : each.value}`)
            .map(each => each.replace(" new", "")).sort(),
        element.children.length ? "" : element.textContent.trim(),
    ])""")


def test_an_exchange_that_finishes_changes_its_row(page: Page, panel: PanelProcess) -> None:
    running = factories.in_flight()
    factories.keep(panel.store, running, factories.wsgi_page())
    enter(page, panel)
    expect(rows(page).last.locator(".code")).to_have_text("…")
    factories.keep(panel.store, factories.wsgi_page(id=running.id, path="/report/", query=""))
    expect(rows(page).last.locator(".code")).to_have_text("200")
    expect(rows(page)).to_have_count(2)


def test_a_proxys_own_row_goes_when_the_recorder_brings_the_request(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, factories.failure())
    enter(page, panel)
    alone = factories.wsgi_page(interface="proxy", path="/late/")
    factories.keep(panel.store, alone)
    expect(rows(page).first).to_contain_text("/late/")
    factories.keep(panel.store, factories.wsgi_page(path="/late/", query="from=worker"))
    panel.store.forget([alone.id])
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("/late/?from=worker")


def test_a_row_that_goes_waits_for_its_reader(page: Page, panel: PanelProcess) -> None:
    enter(page, panel)
    alone = factories.wsgi_page(interface="proxy", path="/late/")
    factories.keep(panel.store, alone)
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("j")
    later = factories.wsgi_page(interface="proxy", path="/later/")
    factories.keep(panel.store, later)
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    panel.store.forget([alone.id, later.id])
    expect(page.locator(".row.forgotten")).to_have_count(1)
    expect(page.get_by_role("button", name="1 new")).to_be_hidden()
    page.keyboard.press("Escape")
    factories.keep(panel.store, factories.failure())
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("/pay/7/")


def test_bars_are_measured_against_the_longest(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, factories.wsgi_page())
    enter(page, panel)
    parts = "Array.from(document.querySelectorAll('.row:last-child rect'), part => part.width.baseVal.value)"
    assert sum(page.evaluate(parts)) == 1000
    exchange = factories.wsgi_page()
    split = exchange.split
    slow = type(split)(*(4 * getattr(split, name) for name in split.__struct_fields__))
    ended = exchange.started + 4 * (exchange.duration or 0)
    factories.keep(panel.store, factories.wsgi_page(ended=ended, split=slow))
    expect(rows(page)).to_have_count(2)
    assert sum(page.evaluate(parts)) == 500


def test_nothing_moves_under_a_reader(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, *(factories.wsgi_page() for _ in range(40)))
    enter(page, panel)
    page.mouse.wheel(0, 600)
    expect(rows(page).first).not_to_be_in_viewport()
    before = rows(page).nth(20).bounding_box()
    factories.keep(panel.store, factories.failure(), factories.failure())
    news = page.get_by_role("button", name="2 new")
    expect(news).to_be_visible()
    assert rows(page).nth(20).bounding_box() == before
    expect(rows(page)).to_have_count(40)
    picture(page, "list-news")
    news.click()
    expect(rows(page)).to_have_count(42)
    expect(rows(page).first).to_contain_text("/pay/7/")
    expect(rows(page).first).to_be_in_viewport()
    expect(news).to_be_hidden()


def test_nothing_moves_under_a_selected_row(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, factories.wsgi_page())
    enter(page, panel)
    page.keyboard.press("j")
    factories.keep(panel.store, factories.failure())
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("Escape")
    factories.keep(panel.store, factories.asgi_page())
    expect(rows(page).first).to_contain_text("16 thread hops")


def test_pause_holds_and_going_on_catches_up(page: Page, panel: PanelProcess) -> None:
    enter(page, panel)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live-text")).to_have_text("paused")
    factories.keep(panel.store, factories.wsgi_page())
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(rows(page)).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#live-text")).to_have_text("live")


def test_the_keyboard_is_enough(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, factories.wsgi_page(path="/first/"), factories.wsgi_page(path="/second/"))
    enter(page, panel)
    page.keyboard.press("j")
    expect(rows(page).nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(rows(page).nth(1)).to_be_focused()
    page.keyboard.press("j")
    expect(rows(page).nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows(page).nth(0)).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("j?/")
    expect(page.locator("#q")).to_have_value("j?/")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_text("Single keys do something")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_text("Single keys do something")).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/exchanges/"))


def test_single_keys_can_be_switched_off(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, factories.wsgi_page())
    enter(page, panel)
    page.keyboard.press("?")
    page.get_by_label("Single keys do something").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    expect(rows(page).first).not_to_be_focused()
    page.reload()
    page.keyboard.press("j")
    expect(rows(page).first).not_to_be_focused()


def test_a_filter_is_checked_while_it_is_typed_and_kept_in_the_address(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, *(make() for make in factories.EVERY_KIND))
    enter(page, panel)
    page.keyboard.press("/")
    page.keyboard.type("status:5xx 🎉 hops:many")
    problem = page.locator("#filter-problem")
    expect(problem).to_contain_text("“hops” takes a number")
    expect(problem.locator("mark")).to_have_text("hops:many")
    expect(page.locator("#q")).to_have_attribute("aria-invalid", "true")
    page.locator("#q").fill("status:5xx")
    expect(problem).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?q=status%3A5xx$"))
    expect(rows(page)).to_have_count(1)
    # What comes in is filtered as well.
    expect(page.locator("#live-text")).to_have_text("live")
    factories.keep(panel.store, factories.wsgi_page(), factories.failure(path="/late/"))
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("/late/")
    page.get_by_role("link", name="Errors").click()
    expect(rows(page)).to_have_count(len(factories.EVERY_KIND) + 2)


def test_clearing_asks_first(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, factories.wsgi_page())
    enter(page, panel)
    page.get_by_text("Clear…").click()
    expect(page.get_by_text("Forget everything that was recorded")).to_be_visible()
    assert panel.store.statistics().exchanges == 1
    page.get_by_role("button", name="Forget it all").click()
    expect(page.locator("#empty")).to_be_visible()
    assert panel.store.statistics().exchanges == 0


def test_clearing_from_beside_an_exchange(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, factories.wsgi_page())
    enter(page, panel)
    rows(page).first.click()
    page.get_by_text("Clear…").click()
    page.get_by_role("button", name="Forget it all").click()
    expect(page.locator("#empty")).to_be_visible()


def test_what_others_clear_goes_here_too(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, factories.wsgi_page())
    enter(page, panel)
    panel.store.clear()
    expect(rows(page)).to_have_count(0)
    expect(page.locator("#empty")).to_be_visible()


def test_older_ones_stay_still(page: Page, panel: PanelProcess) -> None:
    factories.keep(panel.store, *(factories.wsgi_page() for _ in range(60)))
    enter(page, panel)
    page.get_by_role("link", name="Older").click()
    expect(rows(page)).to_have_count(10)
    expect(page.locator("#live-text")).to_have_text("live")
    factories.keep(panel.store, factories.failure())
    page.get_by_role("button", name="1 new").click()
    expect(rows(page).first).to_contain_text("/pay/7/")
    assert "before" not in page.url


def test_mounted_it_asks_again_and_leaves_the_only_worker_free(page: Page, tmp_path: Path) -> None:
    project = MountedPanel("gunicorn", tmp_path)
    try:
        page.goto(f"http://127.0.0.1:{project.port}/__gateway__/?token={TOKEN}")
        expect(page.locator("#live-text")).to_have_text("live")
        # It asks again and again; a stream would hold the worker, and this request would wait for its end.
        expect(page.locator("#list")).to_have_attribute("data-stream", "")
        assert project.get("/json/?colour=blue")[0] == 200
        expect(rows(page)).to_have_count(1)
        expect(rows(page).first).to_contain_text("GET /json/?colour=blue")
        rows(page).first.click()
        expect(page.locator("main h1")).to_contain_text("/json/?colour=blue")
        page.get_by_text("Clear…").click()
        page.get_by_role("button", name="Forget it all").click()
        expect(page.locator("#empty")).to_be_visible()
    finally:
        page.goto("about:blank")
        project.close()


def test_it_reads_without_scripts(browser: Any, panel: PanelProcess) -> None:
    factories.keep(panel.store, *(make() for make in factories.EVERY_KIND))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(panel.link("/"))
    expect(rows(page)).to_have_count(len(factories.EVERY_KIND))
    expect(page.locator("#pause")).to_be_hidden()
    expect(page.locator("#live-text")).to_have_text("not live")
    page.locator("#q").fill("status:5xx")
    page.get_by_role("button", name="Filter").click()
    expect(rows(page)).to_have_count(1)
    page.get_by_text("Clear…").click()
    page.get_by_role("button", name="Forget it all").click()
    expect(page.locator("#empty")).to_be_visible()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (700, "dark"), (380, "light")])
def test_it_fits_and_can_be_read_by_everybody(width: int, scheme: Any, page: Page, panel: PanelProcess) -> None:
    factories.keep(
        panel.store, *(make() for make in factories.EVERY_KIND), factories.wsgi_page(path="/" + "long" * 100)
    )
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for query in ({}, {"q": "hops:many"}, {"q": "status:418"}):
        enter(page, panel) if not query else page.goto(f"{panel.address}/?q={query['q']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    page.goto(f"{panel.address}/")
    page.locator("#help summary").click()
    page.get_by_text("Clear…").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [each["id"] for each in Axe().run(page).response["violations"]] == []
    picture(page, f"list-{width}-{scheme}")
