"""The panel mounted in a project: on where it should be, and under whatever else the project has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import clear_script_prefix, include, path, set_script_prefix

from django_gateway.exchange import format_id
from django_gateway.panel import access, assets
from django_gateway.panel.tokens import Tries
from panels import BEARER, ORIGIN, TOKEN, browser, signed_in

UNKNOWN = "0" * 15 + "1"


PAGES = (
    *("/", f"/exchanges/{UNKNOWN}/", "/nowhere/", "/routes/", "/compare/", "/topology/", "/learn/", "/settings/"),
    *(f"/exchanges/{UNKNOWN}/{part}/" for part in ("curl", "share", "replay")),
)


DATA = ("/filter/", "/live/", "/live/poll", "/api/exchanges/", f"/api/exchanges/{UNKNOWN}/")


@pytest.fixture(autouse=True)
def tries(monkeypatch: pytest.MonkeyPatch) -> Tries:
    fresh = Tries()
    monkeypatch.setattr(access, "TRIES", fresh)
    return fresh


def csrf(client: Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").content.decode())
    assert found is not None
    return found[1]


def csrf_of(page: object) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.content.decode())  # type: ignore[attr-defined]
    assert found is not None
    return found[1]


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
