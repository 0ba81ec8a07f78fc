"""The tab with the bytes at the client's side, and what it adds to the tab of the response."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import factories
from django_gateway.arrival import arrival
from django_gateway.document import document
from django_gateway.exchange import Exchange, format_id
from django_gateway.panel.tabs.wire import dump, visible
from django_gateway.redaction import Redactor
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from django_gateway.wire import record
from django_gateway.wire.talk import Seen, Talk
from exchange_pages import page, text_of
from panels import installed


@pytest.fixture
def store() -> Store:
    return MemoryStore(Capacity())


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


def seen(request: bytes, response: bytes, client: str = "127.0.0.1:40000", kept: int = 50) -> dict[str, Any]:
    found: list[Seen] = []
    talk = Talk(client, "127.0.0.1:50000", found.append, tls=False, kept=kept)
    talk.from_client(request)
    talk.from_server(response)
    talk.end()
    return record.data(found[0], Redactor(), kept)


def with_wire(store: Store, wire: dict[str, Any], headers: list[Any]) -> Exchange:
    exchange = factories.wsgi_page(headers=headers)
    factories.keep(store, exchange)
    store.attach(format_id(exchange.id), "wire", wire)
    kept = store.get(exchange.id)
    assert kept is not None
    return kept


REQUEST = b"GET /<b>?a=1 HTTP/1.1\r\nHost: here\r\nX-Odd: a\x1b[31mb\r\n\r\n"
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nDate: today\r\nServer: it\r\ncontent-type: text/html\r\nSet-Cookie: a=1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\n<i>\x00!\r\n0\r\n\r\n"
)
HEADERS = [["Content-Type", "text/html"], ["Server", "mine"], ["Set-Cookie", "a=•••••"]]


def test_bytes_are_shown_with_every_control_character(program: Client, store: Store) -> None:
    exchange = with_wire(store, seen(REQUEST, RESPONSE), HEADERS)
    html = page(program, exchange, "wire")
    assert "GET /&lt;b&gt;?a=1 HTTP/1.1\\r\\n" in html
    assert "X-Odd: a\\x1b[31mb\\r\\n" in html
    assert "\x1b" not in html
    assert "<b>Date: today\\r\\n</b>" in html
    assert "<b>content-type" not in html
    assert "&lt;i&gt;\\x00!" in html
    assert "in chunks (1)" in text_of(html)
    assert "is 127.0.0.1:50000 to the application" not in text_of(html), (
        "the address is the same; the port is said below"
    )


def test_a_client_whose_address_the_application_does_not_see(program: Client, store: Store) -> None:
    exchange = with_wire(store, seen(REQUEST, RESPONSE, client="192.0.2.7:999"), HEADERS)
    assert "192.0.2.7:999 is 127.0.0.1:50000 to the application" in text_of(page(program, exchange, "wire"))


def test_the_response_says_what_the_server_added_and_what_did_not_arrive(program: Client, store: Store) -> None:
    exchange = with_wire(store, seen(REQUEST, RESPONSE), HEADERS)
    arrived = arrival(exchange)
    assert arrived is not None
    assert arrived.added == [
        ("Date", "today", "server"),
        ("Server", "it", "server"),
        ("Transfer-Encoding", "chunked", "server"),
    ]
    assert [HEADERS[place][0] for place in arrived.missing] == ["Server"]
    text = "".join(text_of(page(program, exchange, "response")).split())
    assert "Transfer-Encodingchunkedtheserveronitswayout" in text
    assert "Sentbytheapplicationandnotonthewire:Server.Removedbytheserver." in text
    told = document(exchange)["response"]
    assert [header["name"] for header in told["headers"] if header["origin"] == "server"] == [
        "Date",
        "Server",
        "Transfer-Encoding",
    ]
    assert [(header["name"], header["removed_by"]) for header in told["removed"]] == [("Server", "server")]


@pytest.mark.parametrize(("proxy", "date"), [("nginx", "proxy"), ("caddy", None)])
def test_what_either_the_server_or_the_proxy_added(program: Client, store: Store, proxy: str, date: str | None) -> None:
    exchange = with_wire(store, seen(REQUEST, RESPONSE.replace(b"Server: it", f"Server: {proxy}".encode())), HEADERS)
    store.attach(format_id(exchange.id), "proxy", {"name": proxy})
    exchange = store.get(exchange.id) or exchange
    arrived = arrival(exchange)
    assert arrived is not None
    assert [one.by for one in arrived.added] == [date, "proxy", "proxy"]
    assert arrived.by is None


def test_heads_of_http2_are_said_to_be_decoded(program: Client, store: Store) -> None:
    wire = seen(REQUEST, RESPONSE)
    assert "decoded from its frames" not in text_of(page(program, with_wire(store, wire, HEADERS), "wire"))
    wire["request"]["head"] = wire["request"]["head"].replace(" HTTP/1.1", " HTTP/2")
    wire["response"]["framing"] = "frames"
    text = text_of(page(program, with_wire(store, wire, HEADERS), "wire"))
    assert "decoded from its frames" in text
    assert "a frame says that it is the last" in text


def test_without_a_wire_there_is_no_tab_and_no_claim(program: Client, store: Store) -> None:
    exchange = factories.wsgi_page()
    factories.keep(store, exchange)
    assert arrival(exchange) is None
    assert document(exchange)["wire"] is None
    html = page(program, exchange, "response")
    assert "?tab=wire" not in html
    assert "on its way out" not in html


def test_binary_bodies_are_shown_in_hexadecimal(program: Client, store: Store) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 8\r\n\r\n\x89PNG\xff<b>"
    exchange = with_wire(store, seen(REQUEST, response), HEADERS)
    html = page(program, exchange, "wire")
    assert "000000  89 50 4e 47 ff 3c 62 3e" in html
    assert "·PNG·&lt;b&gt;" in html
    assert document(exchange)["wire"]["response"]["excerpt"] == "89504e47ff3c623e"


def test_rows_of_a_dump() -> None:
    assert dump(bytes(range(32, 50)))[1] == ("000010", "30 31", "01")
    assert len(dump(b"x" * 100_000)) == 64
    assert visible("a\tb\r\n\x07é\u202e") == "a\\tb\\r\\n\\x07é\\u202e"
