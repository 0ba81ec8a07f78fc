"""What changes something, and what every answer of the panel carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client

import factories
from django_gateway import recording
from django_gateway.panel import access, assets
from django_gateway.panel.tokens import Tries
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from panels import BEARER, ORIGIN, browser, installed, signed_in

UNKNOWN = "0" * 15 + "1"


PAGES = (
    *("/", f"/exchanges/{UNKNOWN}/", "/nowhere/", "/routes/", "/compare/", "/topology/", "/learn/", "/settings/"),
    *(f"/exchanges/{UNKNOWN}/{part}/" for part in ("curl", "share", "replay")),
)


DATA = ("/filter/", "/live/", "/live/poll", "/api/exchanges/", f"/api/exchanges/{UNKNOWN}/")


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


def csrf(client: Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").content.decode())
    assert found is not None
    return found[1]


def test_reading_changes_nothing(program: Client, store: Store) -> None:
    before = store.page()
    for address in (*PAGES, *DATA, "/clear/", "/enter/"):
        for method in (program.get, program.head):
            method(address).close()
    assert store.page() == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_clearing_takes_post(method: str, program: Client, store: Store) -> None:
    response = program.generic(method, "/clear/")
    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert store.statistics().exchanges == 2


def test_reading_takes_get(program: Client) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        response = program.generic(method, "/api/exchanges/")
        assert response.status_code == 405
        assert "Access-Control-Allow-Origin" not in response


@pytest.mark.usefixtures("program")
def test_clearing_asks_for_this_sessions_token_and_origin(store: Store) -> None:
    client = signed_in()
    token = csrf(client)
    assert csrf(client) != token
    others = csrf(signed_in())
    salt, _, proof = token.partition(".")
    for wrong in ("", "x", others, proof, f".{proof}", f"{salt}x.{proof}", f"{salt}.{proof}0", "é.é"):
        assert client.post("/clear/", {"csrf": wrong}, headers=ORIGIN).status_code == 403
    assert client.post("/clear/", headers=ORIGIN).status_code == 403
    assert client.post(f"/clear/?csrf={token}", headers=ORIGIN).status_code == 403
    for headers in ({}, {"Origin": "null"}, {"Origin": "http://localhost:8000"}):
        assert client.post("/clear/", {"csrf": token}, headers=headers).status_code == 403
    assert store.statistics().exchanges == 2

    response = client.post("/clear/", {"csrf": token}, headers=ORIGIN)
    assert (response.status_code, response["Location"]) == (303, "/")
    assert store.statistics().exchanges == 0


def test_a_program_clears_with_its_token(program: Client, store: Store) -> None:
    assert program.post("/clear/").status_code == 303
    assert store.statistics().exchanges == 0


@pytest.mark.parametrize("address", [*PAGES, *DATA, "/clear/", "/assets/x/list.css"])
@pytest.mark.parametrize("headers", [{}, BEARER, {"Host": "example.org"}])
@pytest.mark.usefixtures("program")
def test_every_answer_is_protected(address: str, headers: dict[str, str]) -> None:
    response = browser(headers).get(address)
    response.close()
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert "no-store" in response["Cache-Control"]
    assert not [name for name in response.headers if name.startswith("Access-Control")]


def test_nonces_do_not_repeat(program: Client) -> None:
    assert program.get("/")["Content-Security-Policy"] != program.get("/")["Content-Security-Policy"]


@pytest.mark.usefixtures("program")
def test_files_are_of_a_fixed_list_and_kept_by_browsers() -> None:
    client = browser()
    loaded = assets.load()
    assert {"tokens.css", "base.css", "list.css", "list.js"} <= set(loaded.files)
    for name, file in loaded.files.items():
        response = client.get(f"/assets/{loaded.digest}/{name}")
        assert response.content == file.content
        assert response["Content-Type"] == file.type
        assert "immutable" in response["Cache-Control"]
        assert response["X-Content-Type-Options"] == "nosniff"
    for name in (
        "../access.py",
        "..%2faccess.py",
        "....//access.py",
        "%2e%2e/access.py",
        "access.py",
        "",
        "list.css%00",
    ):
        assert client.get(f"/assets/{loaded.digest}/{name}").status_code in (403, 404)
    assert client.get("/assets/0000000000000000/list.css").status_code == 404


def test_an_id_is_an_id_and_no_path(program: Client) -> None:
    for wrong in (
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "0" * 17,
        "g" * 16,
        "' OR 1=1 --",
        "%00",
        "-000000000000001",
    ):
        assert program.get(f"/exchanges/{wrong}/").status_code == 404
        assert program.get(f"/api/exchanges/{wrong}/").status_code == 404


def test_it_never_records_itself(program: Client) -> None:
    present = SimpleNamespace(discard=False)
    reset = recording.current.set(present)  # type: ignore[arg-type]
    try:
        program.get("/")
    finally:
        recording.current.reset(reset)
    assert present.discard
