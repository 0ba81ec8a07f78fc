"""The list's page, and what it makes of a filter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings

import factories
from django_gateway.exchange import Exchange, format_id
from django_gateway.panel.access import PanelRequest, panel_view
from django_gateway.panel.text import shown
from django_gateway.panel.views.list import PAGE, rows_for
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from panels import installed


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


def page(program: Client, query: dict[str, str] | None = None) -> str:
    response = program.get("/", query or {}, headers={"Accept": "text/html"})
    assert response.status_code == 200
    return response.content.decode()


class Text(HTMLParser):
    """The text of a page and the tags in it, as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def links(self) -> list[str]:
        return [attributes["href"] or "" for tag, attributes in self.tags if tag == "a" and "href" in attributes]


def test_every_kind_of_exchange_is_listed_and_linked(program: Client, store: Store) -> None:
    made = [make() for make in factories.EVERY_KIND]
    factories.keep(store, *made)
    text = Text(page(program))
    assert [link for link in text.links() if link.startswith("/exchanges/")] == [
        f"/exchanges/{format_id(exchange.id)}/" for exchange in reversed(made)
    ]
    assert "16 thread hops" in text.text
    assert "14 in · 22 out" in text.text


def test_an_empty_list_says_what_to_do(program: Client) -> None:
    text = Text(page(program))
    assert "Nothing is recorded yet." in text.text
    (empty,) = [attributes for _, attributes in text.tags if attributes.get("id") == "empty"]
    assert "hidden" not in empty


def test_a_filter_that_finds_nothing_offers_a_way_back(program: Client, store: Store) -> None:
    factories.keep(store, factories.wsgi_page())
    text = Text(page(program, {"q": "status:418"}))
    assert "Nothing that is recorded matches." in text.text


def test_a_mistake_is_shown_where_it_is(program: Client) -> None:
    html = page(program, {"q": "status:5xx hops:<b> /a"})
    assert "status:5xx <mark>hops:&lt;b&gt;</mark> /a" in html
    assert "“hops” takes a number" in unescape(html)
    assert 'aria-invalid="true"' in html


def test_the_filter_is_checked_while_it_is_typed(program: Client) -> None:
    assert program.get("/filter/", {"q": "status:5xx"}).json() == {"problem": None}
    assert program.get("/filter/").json() == {"problem": None}
    answer = program.get("/filter/", {"q": "a  hops:x b"}).json()
    assert (answer["start"], answer["end"]) == (3, 9)
    assert "number" in answer["problem"]


def test_older_ones_are_a_page_further_and_keep_the_filter(program: Client, store: Store) -> None:
    made = [factories.wsgi_page() for _ in range(PAGE + 3)]
    factories.keep(store, *made)
    first = Text(page(program, {"q": "status:200"}))
    (older,) = [attributes["href"] for _, attributes in first.tags if attributes.get("rel") == "next"]
    assert older == f"?q=status%3A200&before={format_id(made[3].id)}"
    second = Text(page(program, {"q": "status:200", "before": format_id(made[3].id)}))
    assert [link for link in second.links() if "/exchanges/" in link] == [
        f"/exchanges/{format_id(exchange.id)}/" for exchange in reversed(made[:3])
    ]
    assert "/?q=status%3A200" in second.links()
    assert not [tag for tag, attributes in second.tags if attributes.get("rel") == "next"]


def test_filters_at_hand_are_switched_on_and_off(program: Client) -> None:
    on = Text(page(program, {"q": "hops:>0 /a"}))
    assert "/?q=%2Fa" in on.links()
    assert "/?q=hops%3A%3E0+%2Fa+status%3A5xx" in on.links()


@pytest.mark.parametrize(
    "query", [{"before": "x"}, {"colour": "red"}, {"q": '"'}, {"q": "\x00\u202e"}, {"status": "x"}]
)
def test_no_address_is_an_error_of_ours(query: dict[str, str], program: Client, store: Store) -> None:
    factories.keep(store, factories.wsgi_page())
    page(program, query)


def test_the_chain_is_read_off_what_came_last(program: Client, store: Store) -> None:
    assert 'class="chain"' not in page(program)
    factories.keep(store, factories.wsgi_page(), factories.asgi_page())
    text = Text(page(program)).text
    assert "daphne 4.2.3 · pid 903" in text
    assert "asgi.py" in text
    other = msgspec.structs.replace(factories.ASGI_SERVER, pid=904)
    factories.keep(store, factories.asgi_page(server=other))
    assert "daphne 4.2.3 · 2 processes" in Text(page(program)).text


def test_the_chain_needs_no_long_conversation(tmp_path: Path) -> None:
    class Watched(MemoryStore):
        read: ClassVar[list[int]] = []

        def get(self, number: int) -> Exchange | None:
            self.read.append(number)
            return super().get(number)

    watched = Watched(Capacity())
    light = factories.asgi_page()
    long = factories.websocket(received=300, server=factories.ASGI_SERVER)
    factories.keep(watched, light, long)
    with installed(watched, tmp_path) as program:
        assert "daphne 4.2.3 · pid 903" in Text(page(program)).text
    assert watched.read == [light.id]


ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</li></ol></template><script>alert(1)</script>",
    "{{ request.META }}{% debug %}",
    "javascript:alert(1)",
    "\u202e\u2066\x1b]0;x\x07",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_markup_that_was_recorded_is_text(attack: str, program: Client, store: Store) -> None:
    factories.keep(store, factories.wsgi_page())
    harmless = Text(page(program))
    exchange = factories.hostile(attack)
    factories.keep(store, exchange)
    for query in ({}, {"q": attack}):
        found = Text(page(program, query))
        assert {tag for tag, _ in found.tags} <= {tag for tag, _ in harmless.tags} | {"mark", "code"}
        handlers = [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
        assert handlers == []
        assert {link[:1] for link in found.links()} <= {"/", "#", ""}
    assert shown(attack) in Text(page(program)).text


@override_settings(LANGUAGE_CODE="de", USE_THOUSAND_SEPARATOR=True)
def test_numbers_are_plain_whatever_the_projects_language(program: Client, store: Store) -> None:
    factories.keep(store, factories.asgi_page())
    html = page(program)
    assert 'viewBox="0 0 1000 9"' in html
    assert not re.search(r'(?:x|width|data-measure)="\d+[.,]', html)


@pytest.mark.usefixtures("program")
def test_rows_beside_another_page(store: Store) -> None:
    made = [factories.wsgi_page() for _ in range(5)]
    factories.keep(store, *made)
    found: list[Any] = []

    @panel_view(public=True)
    def view(request: PanelRequest) -> HttpResponse:
        found.extend(rows_for(request, 3))
        return HttpResponse()

    view(RequestFactory().get("/", headers={"Host": "localhost"}))
    assert [each["id"] for each in found] == [format_id(exchange.id) for exchange in reversed(made[2:])]
    assert found[0]["href"] == f"/exchanges/{format_id(made[-1].id)}/"
    assert found[0]["bar"]
