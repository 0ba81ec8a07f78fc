"""The pages beside list and exchange: each fits, each can be read by everybody, each reads without scripts."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

import factories
from django_gateway import served
from django_gateway.exchange import format_id
from django_gateway.stores.account import Account
from panels import PanelProcess

pytestmark = pytest.mark.browser

ARTEFACTS = Path(__file__).parents[2] / "test-artifacts"
LOOKS = [(1400, "light"), (1400, "dark"), (700, "dark"), (380, "light")]


def look_at(page: Page, name: str, width: int, scheme: Any) -> None:
    """It fits, axe has nothing to say, and a picture of it is kept."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    found = Axe().run(page).response
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == [], name
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}-{width}-{scheme}.png", full_page=True)


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def look(request: pytest.FixtureRequest, page: Page) -> tuple[int, str]:
    width, scheme = request.param
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    return width, scheme


@pytest.fixture
def told(tmp_path: Path) -> Iterator[PanelProcess]:
    """A panel that was told what is served, as gatewayserve tells it."""
    folder = tmp_path / ".gateway"
    folder.mkdir()
    about = msgspec.structs.replace(served.of_project(), server="Daphne", version="4.2.3", interface="asgi", workers=1)
    # Port 1 of loopback: nobody listens there.
    about = msgspec.structs.replace(about, host="127.0.0.1", port=1)
    (folder / "served.json").write_text(served.write(about))
    account = Account(folder, lambda: (0, None))
    account.settle(Counts())
    with PanelProcess(folder, "--served", str(folder / "served.json")) as panel:
        yield panel


class Counts:
    written = 12_345
    dropped = 0
    error: str | None = None
    in_flight: dict[int, object] = {}
    samples: tuple[int, ...] = (9_000,)


def test_settings(page: Page, told: PanelProcess, look: tuple[int, str]) -> None:
    factories.keep(told.store, *(make() for make in factories.EVERY_KIND))
    page.goto(told.link("/settings/"))
    expect(page.get_by_role("heading", name="The store")).to_be_visible()
    expect(page.locator(".gauges")).to_contain_text("8 of 10,000")
    expect(page.locator("main")).to_contain_text("Nothing was dropped")
    expect(page.locator(".settings-table")).to_contain_text("MAX_EXCHANGES")
    look_at(page, "settings", *look)
    page.get_by_role("link", name="Requests").click()
    expect(page.locator(".row")).to_have_count(8)


def test_compare(page: Page, panel: PanelProcess, look: tuple[int, str]) -> None:
    first, second = factories.wsgi_page(), factories.asgi_page()
    factories.keep(panel.store, first, second, factories.failure())
    page.goto(panel.link("/compare/"))
    look_at(page, "compare-choose", *look)
    page.locator(".invited a").click()
    rows = page.locator(".pairs-table tbody tr")
    expect(rows.filter(has_text="PATH_INFO")).to_contain_text("same, told otherwise")
    expect(page.locator(".journey .pieces").last.locator(".piece")).not_to_have_count(0)
    look_at(page, "compare", *look)
    page.get_by_label("Only what differs").check()
    expect(rows.filter(has_text="PATH_INFO")).to_be_hidden()
    page.get_by_role("link", name="⇄ Swap").click()
    expect(page).to_have_url(re.compile(f"a={format_id(second.id)}&b={format_id(first.id)}"))


def test_compare_begins_at_an_exchange_and_needs_no_scripts(browser: Any, panel: PanelProcess) -> None:
    first, second = factories.wsgi_page(), factories.asgi_page()
    factories.keep(panel.store, first, second, factories.failure())
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(panel.link(f"/exchanges/{format_id(first.id)}/"))
    page.get_by_role("link", name="Compare…").click()
    page.get_by_label("B", exact=True).select_option(format_id(second.id))
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".side")).to_have_count(2)
    expect(page.locator(".pairs-table tr", has_text="PATH_INFO")).to_be_visible()
    expect(page.locator(".only")).to_be_hidden()
    context.close()


def test_routes(page: Page, panel: PanelProcess, look: tuple[int, str]) -> None:
    factories.keep(panel.store, *(make() for make in factories.EVERY_KIND), factories.wsgi_page())
    page.goto(panel.link("/"))
    page.get_by_role("link", name="By route").click()
    links = page.locator(".group-link")
    expect(links).to_have_count(8)
    look_at(page, "routes", *look)
    page.get_by_role("link", name="Most often").click()
    expect(links.first).to_have_text("GET /orders/")
    factories.keep(panel.store, factories.failure(), factories.failure(), factories.failure())
    expect(links.first).to_have_text("POST /pay/<int:order>/")
    page.keyboard.press("j")
    expect(links.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(4)


def test_a_pinned_exchange_stays(page: Page, panel: PanelProcess, look: tuple[int, str]) -> None:
    factories.keep(panel.store, factories.asgi_page(), factories.failure())
    page.goto(panel.link("/"))
    page.locator("#rows .row > a").first.click()
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.get_by_role("button", name="Unpin")).to_be_visible()
    panel.store.clear()
    page.goto(panel.link("/"))
    expect(page.locator(".pinned .row")).to_have_count(1)
    look_at(page, "list-pinned", *look)
    page.locator(".pinned .row > a").click()
    page.get_by_role("button", name="Unpin").click()
    expect(page.locator(".pinned")).to_have_count(0)


def test_a_key_compares_the_focused_exchange(page: Page, panel: PanelProcess) -> None:
    first, second = factories.wsgi_page(), factories.asgi_page()
    factories.keep(panel.store, first, second)
    page.goto(panel.link("/"))
    expect(page.locator("#live-text")).to_have_text("live")
    page.keyboard.press("j")
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile(f"/compare/\\?a={format_id(second.id)}$"))


def test_an_exchange_is_carried_along(page: Page, panel: PanelProcess, look: tuple[int, str], tmp_path: Path) -> None:
    exchange = factories.asgi_page()
    factories.keep(panel.store, exchange)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(panel.link(f"/exchanges/{format_id(exchange.id)}/"))
    page.get_by_role("link", name="Copy as cURL").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("# The header Cookie is left out")
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").click()
    assert download.value.suggested_filename == f"exchange-{format_id(exchange.id)}.json"
    with page.expect_download() as download:
        page.get_by_role("link", name="Share").click()
    file = tmp_path / "shared.html"
    download.value.save_as(file)
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", name="Handover")).to_be_visible()
    assert page.locator("main").evaluate("main => getComputedStyle(main).maxWidth") == "1300px"
    look_at(page, "share", *look)


def test_topology(page: Page, told: PanelProcess, look: tuple[int, str]) -> None:
    page.goto(told.link("/topology/"))
    expect(page.get_by_role("article", name=f"Panel {told.process.pid}")).to_be_visible()
    expect(page.locator(".socket", has_text=f"127.0.0.1:{told.port}")).to_contain_text("Panel")
    look_at(page, "topology", *look)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        expect(page.locator(".process", has_text=f"pid {child.pid}").last).to_be_visible()
    finally:
        child.communicate(b"\n")
    expect(page.get_by_text(f"pid {child.pid}", exact=True)).to_have_count(0)


def test_source(page: Page, told: PanelProcess, look: tuple[int, str]) -> None:
    exchange = factories.asgi_page()
    factories.keep(told.store, exchange)
    page.goto(told.link(f"/exchanges/{format_id(exchange.id)}/"))
    page.get_by_role("link", name="Source").click()
    expect(page.locator(".called").first).to_contain_text("application")
    look_at(page, "exchange-source", *look)


def test_replay_asks_first(page: Page, told: PanelProcess, look: tuple[int, str]) -> None:
    exchange = factories.failure()
    factories.keep(told.store, exchange)
    page.goto(told.link(f"/exchanges/{format_id(exchange.id)}/"))
    page.get_by_role("link", name="Replay…").click()
    expect(page.get_by_role("heading", name="Send it once more")).to_be_visible()
    expect(page.locator(".differences")).to_contain_text("The body (212 bytes) was not kept")
    look_at(page, "replay", *look)
    page.get_by_role("button", name="Send, then compare").click()
    expect(page.locator("[name=sure]:invalid")).to_have_count(1)
    expect(page).to_have_url(re.compile("/replay/$"))


def test_learn(page: Page, told: PanelProcess, look: tuple[int, str]) -> None:
    factories.keep(told.store, *(make() for make in factories.EVERY_KIND))
    page.goto(told.link("/learn/"))
    expect(page.locator(".step")).to_have_count(13)
    expect(page.locator("#hops .own-facts")).to_contain_text("16 thread hops")
    look_at(page, "learn", *look)
    page.locator("#websocket").scroll_into_view_if_needed()
    # Asked for at the address of the one that is recorded; nobody listens there now.
    expect(page.locator("#websocket")).to_contain_text("Asks at /chat/lobby/")
    expect(page.get_by_role("button", name="Open one and see its messages")).to_be_visible()
    expect(page.locator("#proxy pre")).to_have_text("python manage.py gatewayserve --behind nginx")
    page.locator("#websocket .own").get_by_role("link").click()
    expect(page.locator(".tabs a[aria-current=page]")).to_contain_text("Messages")
