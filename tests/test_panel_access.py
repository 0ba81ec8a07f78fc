"""Who gets into the panel, and what every answer of it carries."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import clear_script_prefix, include, path, set_script_prefix

import factories
from django_gateway import recording
from django_gateway.exchange import format_id
from django_gateway.panel import access, assets
from django_gateway.panel.hosts import exact_names, host_allowed, is_loopback_peer, origin_allowed
from django_gateway.panel.tokens import Tries
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from panels import BEARER, ORIGIN, TOKEN, browser, installed, signed_in

UNKNOWN = "0" * 15 + "1"
PAGES = ("/", f"/exchanges/{UNKNOWN}/", "/nowhere/")
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


# The token


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


# Host and Origin


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


# What changes something


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


def csrf(client: Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").content.decode())
    assert found is not None
    return found[1]


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


# What every answer carries


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


# Mounted in a project

MOUNTED = "/__gateway__/"


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("GATEWAY_PANEL_TOKEN", TOKEN)
    gateway = {"ENABLED": False, "PANEL": True, "STORE": f"sqlite:///{tmp_path}/exchanges.sqlite3"}
    with override_settings(GATEWAY=gateway, ALLOWED_HOSTS=["*"]):
        yield


@pytest.mark.parametrize(
    ("debug", "panel", "status"), [(False, None, 404), (True, None, 403), (False, True, 403), (True, False, 404)]
)
def test_mounted_it_is_off_unless_debug_or_asked_for(debug: bool, panel: bool | None, status: int) -> None:
    with override_settings(DEBUG=debug, GATEWAY={"ENABLED": False, "PANEL": panel}, ALLOWED_HOSTS=["*"]):
        for address in (*PAGES[:2], *DATA, "/live/poll"):
            assert browser().get(MOUNTED + address[1:]).status_code == status
        if status == 404:
            digest = assets.load().digest
            assert browser(BEARER).get(MOUNTED).status_code == 404
            assert browser().get(f"{MOUNTED}assets/{digest}/list.css").status_code == 404
            assert browser().post(f"{MOUNTED}clear/").status_code == 404


@pytest.mark.usefixtures("mounted")
def test_mounted_it_works_under_the_projects_middleware() -> None:
    client = signed_in(path=MOUNTED)
    (cookie,) = client.cookies.values()
    assert cookie["path"] == MOUNTED
    page = client.get(MOUNTED)
    assert page.status_code == 200
    assert f'href="{MOUNTED}"' in page.content.decode()
    assert client.post(f"{MOUNTED}clear/", {"csrf": csrf_of(page)}, headers=ORIGIN).status_code == 303


def csrf_of(page: object) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.content.decode())  # type: ignore[attr-defined]
    assert found is not None
    return found[1]


@pytest.mark.usefixtures("mounted")
def test_mounted_a_stream_would_hold_a_worker() -> None:
    response = browser(BEARER).get(f"{MOUNTED}live/")
    assert response.status_code == 409
    assert response.json()["poll"] == f"{MOUNTED}live/poll"
    assert browser(BEARER).get(response.json()["poll"]).json()["exchanges"] == []


@pytest.mark.usefixtures("mounted")
def test_mounted_the_wildcard_of_allowed_hosts_is_not_heeded() -> None:
    assert browser(BEARER).get(MOUNTED, headers={"Host": "example.org"}).status_code == 403
    with override_settings(ALLOWED_HOSTS=["*", "example.org"]):
        assert browser(BEARER).get(MOUNTED, headers={"Host": "example.org"}).status_code == 200


@pytest.mark.usefixtures("mounted")
async def test_mounted_under_asgi() -> None:
    headers = [(b"host", b"localhost"), (b"authorization", BEARER["Authorization"].encode())]
    scope = {"type": "http", "method": "GET", "path": MOUNTED, "query_string": b"", "headers": headers}
    communicator: Any = ApplicationCommunicator(  # type: ignore[no-untyped-call]
        ASGIHandler(), scope
    )
    await communicator.send_input({"type": "http.request"})
    assert (await communicator.receive_output())["status"] == 200
    await communicator.wait()


@pytest.mark.usefixtures("mounted")
def test_mounted_deeper_every_address_follows() -> None:
    set_script_prefix("/site/")
    try:
        with override_settings(ROOT_URLCONF=__name__):
            page = browser(BEARER).get("/tools/spy/").content.decode()
    finally:
        clear_script_prefix()
    assert 'href="/site/tools/spy/assets/' in page
    assert 'action="/site/tools/spy/clear/"' in page


@pytest.mark.usefixtures("mounted")
def test_mounted_no_middleware_of_the_project_gets_between() -> None:
    middleware = [
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
        f"{__name__}.other_policy",
    ]
    sessions = "django.contrib.sessions.backends.signed_cookies"
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=middleware, SESSION_ENGINE=sessions):
        client = browser({"X-Test": "1"})
        client.handler.enforce_csrf_checks = True
        assert client.get(f"/tools/spy/?token={TOKEN}").status_code == 303
        first = client.get("/tools/spy/")
        assert first.status_code == 200
        assert "frame-ancestors 'none'" in first["Content-Security-Policy"]
        # Not from the project's cache: each answer has its own nonce.
        assert client.get("/tools/spy/")["Content-Security-Policy"] != first["Content-Security-Policy"]
        assert client.post("/tools/spy/clear/", {"csrf": csrf_of(first)}, headers=ORIGIN).status_code == 303


def other_policy(get_response: object) -> object:
    """As Django 6.0's own middleware: it leaves a policy that is set alone."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = get_response(request)  # type: ignore[operator]
        response.headers.setdefault("Content-Security-Policy", "default-src *")
        return response

    return middleware


@pytest.mark.usefixtures("mounted")
def test_mounted_it_opens_no_transaction_of_the_projects() -> None:
    from django.core.handlers.base import BaseHandler
    from django.db import connections
    from django.urls import resolve

    view = resolve(MOUNTED).func
    settings = connections.settings["default"]
    assert not settings["ATOMIC_REQUESTS"]
    settings["ATOMIC_REQUESTS"] = True
    try:
        assert BaseHandler().make_view_atomic(view) is view
    finally:
        settings["ATOMIC_REQUESTS"] = False


def test_mounted_a_token_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GATEWAY_PANEL_TOKEN", raising=False)
    monkeypatch.setenv("GATEWAY_FOLDER", str(tmp_path))
    (tmp_path / "token").write_text("short")
    with override_settings(GATEWAY={"ENABLED": False, "PANEL": True}, ALLOWED_HOSTS=["*"]):
        response = browser().get(MOUNTED)
        assert response.status_code == 503
        assert "damaged" in response.content.decode()


urlpatterns = [path("tools/", include(([path("spy/", include("django_gateway.urls"))], "tools")))]

assert format_id(1) == UNKNOWN
