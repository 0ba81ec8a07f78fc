"""Every tab of the exchange page in a real browser: it fits, and can be read by everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

import depth_factories
import factories
import trails
from django_gateway.exchange import Exchange, Frame, format_id
from django_gateway.panel.views.exchange import TABS
from django_gateway.redaction import Redactor
from django_gateway.stores import Part
from django_gateway.wire import record
from django_gateway.wire.talk import Seen, Talk
from panels import PanelProcess

pytestmark = pytest.mark.browser

ARTEFACTS = Path(__file__).parents[2] / "test-artifacts"


def show(page: Page, panel: PanelProcess, exchange: Exchange, **query: str) -> None:
    factories.keep(panel.store, exchange)
    panel.store.attach_all(Part(format_id(exchange.id), kind, data) for kind, data in exchange.parts.items())
    page.goto(panel.link(f"/exchanges/{format_id(exchange.id)}/", **query))


def picture(page: Page, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


def where_it_is() -> Exchange:
    own = Frame("/srv/shop/views.py", 41, "pay", "return charge(order)")
    library = Frame("/usr/lib/python3.12/socket.py", 5, "recv_into", "self._sock.recv_into(b)")
    return msgspec.structs.replace(factories.in_flight(), stack=[own, library])


def at_the_wire() -> Exchange:
    found: list[Seen] = []
    talk = Talk("127.0.0.1:40000", "127.0.0.1:50000", found.append, tls=False, kept=50)
    talk.from_client(b"GET /?a=1 HTTP/1.1\r\nHost: here\r\nX-Odd: a\x1b[31mb\r\n\r\n")
    talk.from_server(b"HTTP/1.1 200 OK\r\nServer: it\r\nContent-Length: 5\r\n\r\n<i>\x00!")
    talk.end()
    return factories.wsgi_page(parts={"wire": record.data(found[0], Redactor(), 50)})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [1400, 700, 380])
def test_every_tab_fits_and_can_be_read_by_everybody(size: int, scheme: Any, page: Page, panel: PanelProcess) -> None:
    page.set_viewport_size({"width": size, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    shown = set()
    for make in (
        factories.asgi_page,
        factories.websocket,
        factories.failure,
        factories.in_flight,
        depth_factories.through_channels,
        where_it_is,
        at_the_wire,
    ):
        exchange = make()
        for tab in TABS:
            if not tab.shows(exchange) or (tab.key in shown and tab.key != "journey"):
                continue
            shown.add(tab.key)
            show(page, panel, exchange, tab=tab.key)
            expect(page.locator(".tabs a[aria-current=page]")).to_contain_text(tab.name)
            assert page.evaluate("document.documentElement.scrollWidth") <= size, tab.key
            found = Axe().run(page).response
            violations = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
            assert violations == [], (exchange.path, tab.key)
            picture(page, f"exchange-{tab.key}-{exchange.type}-{exchange.state}-{size}-{scheme}")
    # The source is a served project's: see tests/test_panel_source.py.
    assert shown == {tab.key for tab in TABS} - {"source"}


@pytest.mark.parametrize(("size", "scheme"), [(1400, "light"), (380, "dark")])
def test_what_was_seen_within_fits_and_can_be_read_by_everybody(
    size: int, scheme: Any, page: Page, panel: PanelProcess
) -> None:
    page.set_viewport_size({"width": size, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    pages = [
        (depth_factories.through_channels(), "application", "The channel layer"),
        (depth_factories.from_within(), "middleware", "The chain as Django built it"),
        (depth_factories.from_within(), "response", "Headers"),
        (depth_factories.from_within(), "threads", "Database connections"),
    ]
    for exchange, tab, heading in pages:
        show(page, panel, exchange, tab=tab)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= size, tab
        found = Axe().run(page).response
        violations = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
        assert violations == [], tab
        picture(page, f"exchange-within-{tab}-{size}-{scheme}")


def test_it_reads_without_scripts(browser: Any, panel: PanelProcess) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    show(page, panel, factories.asgi_page())
    expect(page.locator("#plot .piece")).not_to_have_count(0)
    expect(page.locator("#zoom")).to_be_hidden()
    expect(page.locator("#details")).to_be_hidden()
    expect(page.locator(".label text:visible", has_text="Session")).to_be_visible()
    page.get_by_text("The same in words, step by step").click()
    expect(page.locator(".in-words li").first).to_be_visible()
    page.get_by_role("link", name="Handover", exact=True).click()
    expect(page.get_by_role("heading", name="What arrived")).to_be_visible()
    show(page, panel, factories.websocket(received=700, sent=700), tab="messages")
    page.get_by_role("link", name="After →").click()
    expect(page.locator(".pages")).to_contain_text("501 to 1000 of 1403")
    page.get_by_label("Look for text in messages").fill("hello 699")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".turn")).to_have_count(1)
    context.close()


@pytest.mark.parametrize(("size", "scheme"), [(1400, "light"), (380, "dark")])
def test_what_messages_say_is_laid_out(size: int, scheme: Any, page: Page, panel: PanelProcess) -> None:
    page.set_viewport_size({"width": size, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    trail = trails.Trail()
    said = '{"type": "said", "name": "Ada", "list": [1, 2, 3], "deep": {"a": true}}'
    for kind, text in (("text", said), ("binary", "00 01 02 ff fe 48 69 21"), ("text", "one\ntwo\n" + "long" * 90)):
        trail.wait(900)
        trail.add("websocket.receive", kind, {"b": 8, "t": len(text)}[kind[0]] * (9 if "one" in text else 1), text)
    show(page, panel, factories.websocket(trail=trail.events, ended=trail.now), tab="messages")
    for name in ("JSON", "Bytes", "Text"):
        page.locator(".payload summary", has_text=name).click()
    expect(page.locator(".payload pre").first).to_contain_text('"name": "Ada"')
    expect(page.locator(".payload pre").nth(1)).to_contain_text("00 01 02 ff fe 48 69 21")
    expect(page.locator(".payload .quiet")).to_contain_text("The beginning of it")
    assert page.evaluate("document.documentElement.scrollWidth") <= size
    assert [each["id"] for each in Axe().run(page).response["violations"]] == []
    picture(page, f"exchange-messages-payloads-{size}-{scheme}")


def test_next_and_previous_keep_the_tab(page: Page, panel: PanelProcess) -> None:
    first, second = factories.wsgi_page(path="/first/"), factories.wsgi_page(path="/second/")
    factories.keep(panel.store, first)
    show(page, panel, second, tab="response")
    page.get_by_role("link", name="Older →").click()
    expect(page.locator("main h1")).to_contain_text("/first/")
    expect(page.locator(".tabs a[aria-current=page]")).to_have_text("Response")
    page.get_by_role("link", name="← Newer").click()
    expect(page.locator("main h1")).to_contain_text("/second/")


def test_scripts_have_no_way_in(page: Page, panel: PanelProcess) -> None:
    """The page fixture fails on anything that runs, and on anything that the policy had to refuse."""
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>{{ 7 }}"
    exchange = factories.hostile(attack)
    for tab in TABS:
        if tab.shows(exchange):
            show(page, panel, exchange, tab=tab.key)
            expect(page.locator("main h1")).to_contain_text(attack)
            expect(page.locator("main script, main img, main svg[onload]")).to_have_count(0)
    page.locator(".piece").first.hover() if page.locator(".piece").count() else None


def test_many_messages_are_shown_a_page_at_a_time(page: Page, panel: PanelProcess) -> None:
    trail = trails.Trail()
    for number in range(20_000):
        trail.wait(100)
        trail.add("websocket.receive", "text", 9, f"number {number}")
    show(page, panel, factories.websocket(trail=trail.events, ended=trail.now), tab="messages")
    expect(page.locator(".turn")).to_have_count(500)
    page.get_by_role("link", name="Journey").click()
    assert page.locator(".piece").count() < 600
