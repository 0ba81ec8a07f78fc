"""Under which names the panel answers, and to whose pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

import factories
from django_gateway.panel import access
from django_gateway.panel.hosts import exact_names, host_allowed, is_loopback_peer, origin_allowed
from django_gateway.panel.tokens import Tries
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from panels import BEARER, browser, installed, signed_in


@pytest.fixture
def store() -> Store:
    store = MemoryStore(Capacity())
    factories.keep(store, factories.wsgi_page(), factories.failure())
    return store


@pytest.fixture(autouse=True)
def tries(monkeypatch: pytest.MonkeyPatch) -> Tries:
    fresh = Tries()
    monkeypatch.setattr(access, "TRIES", fresh)
    return fresh


@pytest.fixture
def program(store: Store, tmp_path: Path) -> Iterator[Client]:
    with installed(store, tmp_path) as client:
        yield client


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8001", "LOCALHOST:1", "127.0.0.1:8001", "[::1]", "[::1]:8001", "shop.localhost:80"]
)
def test_names_that_mean_this_machine(host: str, program: Client) -> None:
    assert program.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "localhost.example.org",
        "127.0.0.1.nip.io",
        "localhost.",
        ".localhost",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::1",
        "localhost:",
        "localhost:80:80",
        "localhost@example.org",
        "localhost/",
        "localhost, example.org",
        "localhost example.org",
        "\uff4cocalhost",
        "",
    ],
)
def test_names_that_others_could_point_here(host: str, program: Client) -> None:
    for address in ("/", "/api/exchanges/", "/assets/x/list.css"):
        response = program.get(address, headers={"Host": host})
        assert response.status_code == 403
        assert b"/orders/" not in response.content


def test_a_name_that_it_was_told_of(store: Store, tmp_path: Path) -> None:
    with installed(store, tmp_path, hosts=frozenset({"panel.example.org"})) as client:
        assert client.get("/", headers={"Host": "Panel.example.org:8001"}).status_code == 200
        assert client.get("/", headers={"Host": "x.panel.example.org"}).status_code == 403


def test_wildcards_of_allowed_hosts_name_nobody() -> None:
    assert exact_names(["*", ".example.org", "Shop.example.org", "*.example.com", ""]) == {"shop.example.org"}
    assert not host_allowed("shop.example.org\n", {"shop.example.org"})


@pytest.mark.parametrize("origin", ["http://localhost", "https://localhost"])
@pytest.mark.usefixtures("program")
def test_its_own_pages_are_heard(origin: str) -> None:
    assert signed_in().get("/api/exchanges/", headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://localhost:8000",
        "http://127.0.0.1",
        "http://2130706433",
        "http://[::1]",
        "https://example.org",
        "http://localhost.example.org",
        "http://localhost/",
        "HTTP://LOCALHOST",
        "file://",
        "chrome-extension://abcdef",
    ],
)
@pytest.mark.usefixtures("program")
def test_pages_of_others_are_not(origin: str) -> None:
    client = signed_in()
    for address in ("/", "/api/exchanges/", "/live/", "/live/poll"):
        assert client.get(address, headers={"Origin": origin}).status_code == 403
    assert browser().get("/api/exchanges/", headers={"Origin": origin, **BEARER}).status_code == 403


def test_over_tls_a_plain_origin_is_another() -> None:
    assert not origin_allowed("http://localhost", "localhost", secure=True)
    assert origin_allowed("https://localhost", "localhost", secure=True)


@pytest.mark.usefixtures("program")
def test_what_a_browser_says_of_a_request_is_a_reason_to_refuse_and_never_to_trust() -> None:
    client = signed_in()
    script = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
    assert client.get("/api/exchanges/", headers=script).status_code == 403
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/", headers=link).status_code == 200
    assert browser().get("/", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 403


@pytest.mark.usefixtures("program")
def test_a_stranger_sent_here_by_a_link_is_offered_the_same_address_again() -> None:
    # The browser holds a Strict cookie back on the way from another site.
    page = browser().get("/?q=a&token=wrong", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert 'href="/?q=a"' in page.content.decode()


@pytest.mark.parametrize(
    ("meta", "loopback"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "127.8.8.8"}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, True),
        ({"REMOTE_ADDR": "::ffff:192.0.2.1"}, False),
        ({"REMOTE_ADDR": "192.0.2.1"}, False),
        ({"REMOTE_ADDR": "localhost"}, False),
        ({"REMOTE_ADDR": ""}, False),
        ({}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=127.0.0.1"}, False),
    ],
)
def test_who_is_surely_on_this_machine(meta: dict[str, str], loopback: bool) -> None:
    assert is_loopback_peer(meta) is loopback
