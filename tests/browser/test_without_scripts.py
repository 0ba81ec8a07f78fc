"""With scripts off every page and tab can be read, every link leads somewhere, and every action is a form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import factories
import hostile_factories
from django_gateway import served
from django_gateway.exchange import Exchange, format_id
from django_gateway.panel.views.exchange import TABS
from django_gateway.stores import Part
from panels import PanelProcess

pytestmark = pytest.mark.browser

ARTEFACTS = Path(__file__).parents[2] / "test-artifacts"
PAGES = ("/", "/routes/", "/compare/", "/topology/", "/learn/", "/settings/", "/?q=hops:many", "/?q=status:418")
#: Controls that would do nothing: those that can be seen and send no form.
IDLE = "main :is(button, input, select, textarea):visible, header :is(button, input, select, textarea):visible"


@pytest.fixture
def quiet(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1400, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[PanelProcess]:
    """A panel that was told what is served, at a port where nobody answers."""
    folder = tmp_path / ".gateway"
    folder.mkdir()
    about = served.Served(host="127.0.0.1", port=1, interface="wsgi", server="Gunicorn", workers=2)
    (folder / "served.json").write_text(served.write(about))
    with PanelProcess(folder, "--served", str(folder / "served.json")) as panel:
        yield panel


def keep(panel: PanelProcess, exchange: Exchange) -> str:
    factories.keep(panel.store, exchange)
    number = format_id(exchange.id)
    panel.store.attach_all(Part(number, kind, data) for kind, data in exchange.parts.items())
    return number


def reads(page: Page, address: str) -> set[str]:
    """The page says something, nothing on it waits for a script; the addresses that it links to."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.status in (200, 400), address
    assert len(page.locator("main").inner_text()) > 40, address
    for summary in page.locator("details.help > summary").all():
        summary.click()
    for control in page.locator(IDLE).all():
        form = control.locator("xpath=ancestor::form")
        assert form.count() == 1, (address, control.evaluate("each => each.outerHTML"))
        expect(form.locator("[type=submit]")).not_to_have_count(0)
    text = page.locator("body").inner_text()
    assert "Drag over" not in text
    assert "Single keys" not in text
    links: list[str] = page.locator("a[href]:not([download])").evaluate_all("links => links.map(link => link.href)")
    return {link.partition("#")[0] for link in links if link.startswith("http")}


def test_every_page_and_tab_reads_and_its_links_lead_somewhere(quiet: Page, told: PanelProcess) -> None:
    quiet.goto(told.link("/"))
    links: set[str] = set()
    shown = set()
    for make in hostile_factories.EVERY_KIND:
        exchange = make()
        number = keep(told, exchange)
        for tab in TABS:
            if tab.shows(exchange) and tab.key not in shown:
                shown.add(tab.key)
                links |= reads(quiet, f"{told.address}/exchanges/{number}/?tab={tab.key}")
                ARTEFACTS.mkdir(exist_ok=True)
                quiet.screenshot(path=ARTEFACTS / f"without-scripts-{tab.key}.png", full_page=True)
    assert shown == {tab.key for tab in TABS} - {"source"}
    for path in PAGES:
        links |= reads(quiet, f"{told.address}{path}")
        name = re.sub(r"\W+", "-", path).strip("-") or "list"
        quiet.screenshot(path=ARTEFACTS / f"without-scripts-page-{name}.png", full_page=True)
    inside = sorted(link for link in links if link.startswith(f"{told.address}/"))
    assert len(inside) > 40
    asked = quiet.context.request
    for link in inside:
        assert asked.get(link).status == 200, link
    outside = links - set(inside)
    assert all(link.startswith("https://") for link in outside), outside


def test_what_is_done_on_pages_is_done_by_forms(quiet: Page, told: PanelProcess) -> None:
    keep(told, factories.wsgi_page())
    number = keep(told, factories.failure())
    quiet.goto(told.link("/"))
    quiet.get_by_label("Filter", exact=True).fill("status:5xx")
    quiet.get_by_role("button", name="Filter").click()
    expect(quiet.locator(".row")).to_have_count(1)
    quiet.locator(".row > a").click()
    quiet.get_by_role("button", name="Pin", exact=True).click()
    expect(quiet.get_by_role("button", name="Unpin")).to_be_visible()
    quiet.get_by_text("Clear…").click()
    quiet.get_by_role("button", name="Forget it all").click()
    expect(quiet.locator(".pinned .row")).to_have_count(1)
    quiet.locator(".pinned .row > a").click()
    quiet.get_by_role("link", name="Replay…").click()
    quiet.get_by_label("send it all the same").check()
    quiet.get_by_role("button", name="Send, then compare").click()
    # Nobody listens there, which the page says, and offers to try again.
    expect(quiet.get_by_role("alert")).to_contain_text("Nobody answers")
    expect(quiet.get_by_role("button", name="Send, then compare")).to_be_visible()
    quiet.goto(f"{told.address}/exchanges/{number}/")
    quiet.get_by_role("link", name="Copy as cURL").click()
    expect(quiet.locator("body")).to_contain_text("curl ")
    quiet.goto(f"{told.address}/exchanges/{number}/")
    quiet.get_by_role("button", name="Unpin").click()
    expect(quiet.locator(".pinned")).to_have_count(0)
    quiet.goto(f"{told.address}/learn/")
    quiet.locator("#bytes").get_by_role("button").click()
    expect(quiet.locator("main")).to_contain_text("Nobody answers")


def test_messages_are_looked_through_by_a_form(quiet: Page, told: PanelProcess) -> None:
    number = keep(told, factories.websocket())
    quiet.goto(told.link(f"/exchanges/{number}/", tab="messages"))
    quiet.get_by_label("Direction").select_option("in")
    quiet.get_by_role("button", name="Show").click()
    expect(quiet.locator(".turn.out")).to_have_count(0)
    expect(quiet.locator(".turn.in")).not_to_have_count(0)


def test_routes_are_ordered_and_filtered_by_links_and_a_form(quiet: Page, told: PanelProcess) -> None:
    made: list[Any] = [factories.wsgi_page(), factories.failure(), factories.asgi_page()]
    for exchange in made:
        keep(told, exchange)
    quiet.goto(told.link("/routes/"))
    quiet.get_by_role("link", name="Most thread hops").click()
    expect(quiet.locator(".group-link").first).to_have_text("GET /orders/")
    quiet.get_by_label("Filter", exact=True).fill("status:5xx")
    quiet.get_by_role("button", name="Filter").click()
    expect(quiet.locator(".group-link")).to_have_count(1)
