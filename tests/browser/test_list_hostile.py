"""Who gets in with a browser, and what other sites and hostile clients try with one that is in."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

import factories
from panels import TOKEN, PanelProcess

pytestmark = pytest.mark.browser


def enter(page: Page, panel: PanelProcess, path: str = "/", **query: str) -> None:
    page.goto(panel.link(path, **query))
    if page.evaluate("document.getElementById('list') !== null"):
        expect(page.locator("#live-text")).to_have_text("live")


def rows(page: Page) -> Any:
    return page.locator(".row > a")


def test_a_page_of_another_port_reads_nothing(page: Page, panel: PanelProcess, context: BrowserContext) -> None:
    """Cookies know no ports: the browser sends ours along, and still must not hand the answer over."""
    factories.keep(panel.store, factories.wsgi_page())
    enter(page, panel)
    other = context.new_page()
    other.route("http://127.0.0.1:1/", lambda route: route.fulfill(content_type="text/html", body="<p>elsewhere"))
    other.goto("http://127.0.0.1:1/")
    read = """async address => {
        const seen = [];
        for (const options of [{ credentials: "include" }, { credentials: "include", mode: "no-cors" }]) {
            try {
                const response = await fetch(address, options);
                seen.push(response.type + await response.text());
            } catch { seen.push("refused"); }
        }
        seen.push(await new Promise(done => {
            const script = document.createElement("script");
            script.onload = () => done("run"); script.onerror = () => done("refused");
            script.src = address; document.body.append(script);
        }));
        seen.push(await new Promise(done => {
            const source = new EventSource(address.replace("api/exchanges/", "live/"), { withCredentials: true });
            source.onopen = () => done("open"); source.onerror = () => { source.close(); done("refused"); };
        }));
        return seen;
    }"""
    assert other.evaluate(read, f"{panel.address}/api/exchanges/") == ["refused"] * 4
    post = """address => {
        const form = document.createElement("form");
        form.method = "post"; form.action = address; document.body.append(form); form.submit();
    }"""
    with other.expect_navigation() as navigation:
        other.evaluate(post, f"{panel.address}/clear/")
    assert navigation.value is not None
    assert navigation.value.status == 403
    assert panel.store.statistics().exchanges == 1
    other.close()


def test_scripts_have_no_way_in(page: Page, panel: PanelProcess) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>{{ 7 }}"
    hidden = "\u202e\u2066evil\x1b[2J\x00"
    enter(page, panel)
    factories.keep(panel.store, factories.hostile(attack), factories.hostile(hidden))
    for _ in range(2):
        expect(rows(page)).to_have_count(2)
        expect(rows(page).last.locator(".target")).to_contain_text(attack)
        expect(rows(page).first.locator(".target")).to_contain_text("\\u202e\\u2066evil\\x1b[2J\\x00")
        expect(page.locator(".row script, .row img, .row svg[onload]")).to_have_count(0)
        page.reload()
    for number in range(2):
        rows(page).nth(number).click()
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("main script:not([src]), main img")).to_have_count(0)
        page.go_back()
    enter(page, panel, q=attack)
    expect(page.locator("#q")).to_have_value(attack)


def test_the_form_lets_in(page: Page, panel: PanelProcess) -> None:
    # The answer that asks for the token is a 403, which a browser notes on its console.
    page.route(f"{panel.address}/", _without_status)
    page.goto(panel.address)
    page.unroute_all()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#live-text")).to_have_text("live")
    assert TOKEN not in page.url


def _without_status(route: Route) -> None:
    response = route.fetch()
    assert response.status == 403
    route.fulfill(response=response, status=200)
