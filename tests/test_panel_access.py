"""The panel's token: who shows it, who guesses it, and where it is never seen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import factories
from django_gateway.panel import access
from django_gateway.panel.tokens import Tries
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from panels import BEARER, ORIGIN, TOKEN, browser, installed, signed_in

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


@pytest.mark.parametrize("address", [*PAGES, *DATA])
@pytest.mark.usefixtures("program")
def test_nothing_is_told_without_the_token(address: str) -> None:
    response = browser().get(address)
    assert response.status_code == 403
    assert b"/orders/" not in response.content


@pytest.mark.usefixtures("program")
def test_the_refusal_says_how_to_get_in_to_each_in_its_own_form(tmp_path: Path) -> None:
    page = browser().get("/")
    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert str(tmp_path / "token") in page.content.decode()
    assert 'action="/enter/"' in page.content.decode()

    line = Client(headers={"Host": "localhost"}).get("/")
    assert line["Content-Type"] == "text/plain; charset=utf-8"
    assert "gatewayserve printed" in line.content.decode()

    data = browser().get("/api/exchanges/")
    assert data["Content-Type"] == "application/json"
    assert "GATEWAY_PANEL_TOKEN" in data.json()["error"]


@pytest.mark.parametrize(
    "other", [{"REMOTE_ADDR": "192.0.2.7"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"REMOTE_ADDR": ""}]
)
@pytest.mark.usefixtures("program")
def test_where_the_token_file_is_is_told_to_this_machine_alone(other: dict[str, Any], tmp_path: Path) -> None:
    for client in (browser(), Client(headers={"Host": "localhost"})):
        assert str(tmp_path) not in client.get("/", **other).content.decode()


@pytest.mark.usefixtures("program")
def test_the_link_leaves_a_cookie_and_no_trace_of_the_token() -> None:
    client = browser()
    response = client.get(f"/?q=status:5xx&token={TOKEN}")
    assert response.status_code == 303
    assert response["Location"] == "/?q=status%3A5xx"
    (cookie,) = response.cookies.values()
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/"
    assert not cookie["secure"]
    assert not cookie["domain"]
    assert not cookie["expires"]
    assert TOKEN not in str(response.serialize_headers())
    assert client.get("/").status_code == 200


@pytest.mark.usefixtures("program")
def test_the_link_works_once_signed_in_too_and_whatever_token_it_carries() -> None:
    client = signed_in()
    assert client.get("/?token=old").status_code == 303
    assert client.get("/").status_code == 200


@pytest.mark.usefixtures("program")
def test_over_tls_the_cookie_is_for_tls() -> None:
    (cookie,) = browser().get(f"/?token={TOKEN}", secure=True).cookies.values()
    assert cookie["secure"]


@pytest.mark.usefixtures("program")
def test_the_redirect_stays_on_this_host() -> None:
    response = browser().get("/", PATH_INFO="//example.org/", QUERY_STRING=f"token={TOKEN}")
    assert response.status_code == 303
    assert response["Location"].startswith("/%2F")


@pytest.mark.usefixtures("program")
def test_only_get_takes_the_token_from_the_address() -> None:
    assert browser().head(f"/?token={TOKEN}").status_code == 403
    assert browser().post(f"/clear/?token={TOKEN}", headers=ORIGIN).status_code == 403


def test_programs_send_it_as_bearer(program: Client) -> None:
    assert program.get("/api/exchanges/").status_code == 200
    client = browser()
    assert client.get("/api/exchanges/", headers={"Authorization": f"bearer  {TOKEN}"}).status_code == 200
    for wrong in (
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer é\udcff",
    ):
        assert client.get("/api/exchanges/", headers={"Authorization": wrong}).status_code == 403


@pytest.mark.usefixtures("program")
def test_the_form_lets_in_without_the_token_in_any_address() -> None:
    client = browser()
    assert client.post("/enter/", {"token": "wrong"}, headers=ORIGIN).status_code == 400  # multipart
    form = "application/x-www-form-urlencoded"
    assert client.post("/enter/", "token=wrong", content_type=form, headers=ORIGIN).status_code == 403
    assert client.post("/enter/", f"token={TOKEN}&x={'x' * 5000}", content_type=form, headers=ORIGIN).status_code == 400
    response = client.post("/enter/", f"token={TOKEN}", content_type=form, headers=ORIGIN)
    assert (response.status_code, response["Location"]) == (303, "/")
    assert client.get("/").status_code == 200


@pytest.mark.usefixtures("program")
def test_no_cookie_but_one_made_with_this_token_is_taken() -> None:
    client = signed_in()
    (name,) = client.cookies
    right = client.cookies[name].value
    session, _, proof = right.partition(".")
    for wrong in (proof, f".{proof}", f"{session}.", f"{session[:-1]}.{proof}", f"{right}0", "é.é", TOKEN):
        client.cookies[name] = wrong
        assert client.get("/").status_code == 403, wrong


@pytest.mark.usefixtures("program")
def test_guessing_is_slowed_down_for_all_and_who_is_in_stays_in() -> None:
    inside = signed_in()
    for number in range(10):
        assert browser().get(f"/?token=guess{number}").status_code == 403
    refused = browser().get("/?token=guess10")
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) >= 1
    # The right one is not even looked at: otherwise the answer would tell a right guess from a wrong one.
    assert browser().get(f"/?token={TOKEN}").status_code == 429
    assert browser().get("/api/exchanges/", headers=BEARER).status_code == 429
    form = "application/x-www-form-urlencoded"
    assert browser().post("/enter/", f"token={TOKEN}", content_type=form, headers=ORIGIN).status_code == 429
    assert inside.get("/").status_code == 200
    # A derived value is a guess at the token as well.
    (name,) = inside.cookies
    guess = browser()
    guess.cookies[name] = "0" * 32 + "." + "0" * 64
    assert guess.get("/").status_code == 429


def test_tries_come_back_one_by_one() -> None:
    now = 0.0
    tries = Tries(burst=2, interval=5.0, clock=lambda: now)
    tries.failed()
    assert tries.wait() == 0
    tries.failed()
    assert tries.wait() == 5
    now = 2.0
    assert tries.wait() == 3
    now = 5.0
    assert tries.wait() == 0
    tries.failed()
    now = 1000.0
    tries.failed()
    assert tries.wait() == 0
    tries.failed()
    assert tries.wait() == 5


def test_the_token_is_in_no_page_no_header_and_no_log(program: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = signed_in()
    answers = [client.get(address) for address in (*PAGES, *DATA)]
    answers += [browser().get(f"/?token={TOKEN}x"), program.get("/nowhere/"), browser().get(f"/nowhere/?token={TOKEN}")]
    for answer in answers:
        content = b"" if answer.streaming else answer.content
        answer.close()
        assert TOKEN.encode() not in content + answer.serialize_headers()
    assert TOKEN not in caplog.text
