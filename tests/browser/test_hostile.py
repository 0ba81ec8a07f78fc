"""Recorded content is hostile: on every tab and every page it is text, short, and does nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import factories
import hostile_factories as hostile
from django_gateway.exchange import Exchange, format_id
from django_gateway.panel.views.exchange import TABS
from django_gateway.stores import Part
from panels import PanelProcess

pytestmark = pytest.mark.browser

ATTACKS = {
    "markup": hostile.Poison(hostile.MARKUP),
    "controls": hostile.Poison(hostile.CONTROLS),
    "no-utf8": hostile.Poison(hostile.NO_UTF8),
    # A megabyte each: a few of them say as much as all.
    "large": hostile.Poison(hostile.LARGE, every=9),
}
#: The elements that make a page too wide.
WIDEST = """Array.from(document.querySelectorAll("body *"))
    .filter(each => each.getBoundingClientRect().right > 1400 && !each.closest("svg, .plot-box"))
    .map(each => each.outerHTML.slice(0, 200)).slice(-3)"""
#: What would act on a terminal or turn text round: no page has it, in text or in an attribute.
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def keep(panel: PanelProcess, exchange: Exchange) -> str:
    factories.keep(panel.store, exchange)
    number = format_id(exchange.id)
    panel.store.attach_all(Part(number, kind, data) for kind, data in exchange.parts.items())
    return number


def harmless(page: Page, address: str, **where: Any) -> None:
    """Beyond what the page fixture holds: no dialog, no console message, no breach of the policy."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 200, where
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("script:not([src]), main img, [onload], [onerror], main iframe")).to_have_count(0)
    html = page.content()
    assert len(html) < 700_000, where
    assert ACTING.search(html) is None, (where, ACTING.search(html))
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400, (where, page.evaluate(WIDEST))


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_tab(attack: str, page: Page, panel: PanelProcess) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(panel.link("/settings/"))
    shown: set[str] = set()
    for make in hostile.EVERY_KIND:
        exchange = ATTACKS[attack](make())
        tabs = [tab.key for tab in TABS if tab.shows(exchange) and (tab.key == "journey" or tab.key not in shown)]
        shown.update(tabs)
        number = keep(panel, exchange)
        for tab in tabs:
            harmless(page, f"{panel.address}/exchanges/{number}/?tab={tab}", tab=tab, kind=make.__name__)
            expect(page.locator(".tabs a[aria-current=page]")).to_have_count(1)
            for summary in page.locator("main details:not([open]) > summary").all()[:3]:
                summary.click()
    # The source is the project's own file, and not recorded.
    assert shown == {tab.key for tab in TABS} - {"source"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_page(attack: str, page: Page, panel: PanelProcess) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    numbers = [keep(panel, ATTACKS[attack](make())) for make in hostile.EVERY_KIND[:4]]
    page.goto(panel.link("/settings/"))
    for path in ("/", "/routes/", "/compare/", "/learn/", "/topology/"):
        harmless(page, f"{panel.address}{path}", path=path)
    for first, second in ((numbers[0], numbers[3]), (numbers[1], numbers[2])):
        harmless(page, f"{panel.address}/compare/?a={first}&b={second}", path="compare")
    harmless(page, f"{panel.address}/exchanges/{numbers[0]}/replay/", path="replay")
