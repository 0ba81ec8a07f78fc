"""The test project by itself: what every other test takes for granted when it serves and records it."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import django.conf
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.core.exceptions import BadRequest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import AsyncClient, Client, RequestFactory
from django.urls import reverse

from chat.models import Message
from pages.links import GROUPS
from testproject.parameters import milliseconds
from transfers.hashing import HashingUploadHandler

LINKS = [link for group in GROUPS for link in group.links]


# Pages


def test_home_links_everything_once_and_says_what_to_look_at(client: Client) -> None:
    page = client.get("/").content.decode()
    for link in LINKS:
        address = reverse(link.url_name, args=[link.argument] if link.argument else []) + link.query
        assert page.count(f'<a href="{address}">') == 1
    assert len({link.look_at for link in LINKS}) == len(LINKS)


def test_home_names_its_interface(client: Client) -> None:
    assert ">WSGI</strong>" in client.get("/").content.decode()


async def test_home_names_its_interface_under_asgi(async_client: AsyncClient) -> None:
    assert ">ASGI</strong>" in (await async_client.get("/")).content.decode()


@pytest.mark.parametrize(
    "path", ["/", "/about/", "/cookies/", "/login/", "/streams/", "/transfers/upload/", "/chat/echo/"]
)
def test_static_files_of_a_page_exist(client: Client, path: str) -> None:
    names = re.findall(r'(?:src|href)="/static/([^"]+)"', client.get(path).content.decode())
    assert names
    for name in names:
        assert finders.find(name), name


def test_scripts_import_files_that_exist() -> None:
    for script in ("chat/room.js", "chat/echo.js"):
        path = finders.find(script)
        assert isinstance(path, str)
        with open(path, encoding="utf-8") as file:
            imported = re.findall(r'from "\./([^"]+)"', file.read())
        assert imported
        assert all(finders.find(f"chat/{name}") for name in imported)


def test_json_gives_the_query_back(client: Client) -> None:
    assert client.get("/json/?colour=orange").json() == {
        "method": "GET",
        "path": "/json/",
        "query": {"colour": "orange"},
    }


def test_cookies_count_visits(client: Client) -> None:
    client.get("/cookies/")
    response = client.get("/cookies/")
    assert response.cookies["visits"].value == "2"
    assert response.cookies["flavour"]["httponly"] is True


@pytest.mark.parametrize("value", ["many", "-1", "²", "9" * 5000])
def test_a_strange_cookie_starts_again(client: Client, value: str) -> None:
    client.cookies["visits"] = value
    assert client.get("/cookies/").cookies["visits"].value == "1"


def test_redirect(client: Client) -> None:
    response = client.get("/redirect/")
    assert (response.status_code, response["Location"]) == (302, "/about/")


@pytest.mark.django_db
def test_login_opens_the_account_and_logout_closes_it() -> None:
    User.objects.create_user("ada", password="engine")
    client = Client(enforce_csrf_checks=True)
    response = client.get("/account/", follow=True)
    assert response.redirect_chain == [("/login/?next=/account/", 302)]
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', response.content.decode())
    assert token
    form = {"username": "ada", "password": "engine", "next": "/account/", "csrfmiddlewaretoken": token[1]}
    response = client.post("/login/", form, follow=True)
    assert response.redirect_chain == [("/account/", 302)]
    assert "Signed in as ada" in response.content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', response.content.decode())
    assert token
    client.post("/logout/", {"csrfmiddlewaretoken": token[1]})
    assert client.get("/account/").status_code == 302


@pytest.mark.django_db
def test_the_demo_user_reaches_the_admin(settings: Any, client: Client) -> None:
    settings.DEBUG = True
    call_command("demouser", verbosity=0)
    call_command("demouser", verbosity=0)
    assert User.objects.count() == 1
    assert client.login(username="demo", password="demo")
    Message.objects.create(room="lobby", name="ada", text="first")
    assert "first" in client.get("/admin/chat/message/").content.decode()


@pytest.mark.django_db
def test_no_demo_user_without_debug(settings: Any) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError):
        call_command("demouser")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_middleware_is_startprojects() -> None:
    """Other tests count on what these seven are known to cost."""
    template = Path(django.conf.__file__).parent / "project_template/project_name/settings.py-tpl"
    listed = re.search(r"^MIDDLEWARE = (\[.*?^\])", template.read_text(), re.MULTILINE | re.DOTALL)
    assert listed
    assert ast.literal_eval(listed[1]) == settings.MIDDLEWARE


# Threads and the event loop


WORK = ["/work/sync/", "/work/async/", "/work/sleep/?ms=1", "/work/sleep-async/?ms=1", "/work/burn-async/?ms=1"]


@pytest.mark.parametrize("path", WORK)
def test_work_answers_under_wsgi(client: Client, path: str) -> None:
    assert b"thread: " in client.get(path).content


@pytest.mark.parametrize("path", WORK)
async def test_work_answers_under_asgi(async_client: AsyncClient, path: str) -> None:
    assert b"thread: " in (await async_client.get(path)).content


@pytest.mark.parametrize("path", ["/work/burn/", "/work/burn-async/"])
def test_burning_takes_that_much_of_a_threads_cpu(client: Client, path: str) -> None:
    before = time.process_time()
    assert client.get(f"{path}?ms=30").status_code == 200
    assert time.process_time() - before >= 0.03


@pytest.mark.parametrize("text", ["", "-1", "1.5", "60001", "²", "ten", "9" * 5000])
def test_milliseconds_refuses_what_is_no_number_in_bounds(text: str) -> None:
    with pytest.raises(BadRequest):
        milliseconds(RequestFactory().get("/", {"ms": text}), 1)


def test_milliseconds_gives_seconds() -> None:
    assert milliseconds(RequestFactory().get("/?ms=250"), 1) == 0.25
    assert milliseconds(RequestFactory().get("/"), 40) == 0.04


def test_a_bad_number_is_a_bad_request(client: Client) -> None:
    assert client.get("/work/sleep/?ms=soon").status_code == 400
    assert client.get("/streams/sync/?count=-1").status_code == 400


def test_async_views_are_coroutine_functions() -> None:
    from failures import views as failures
    from streams import views as streams
    from work import views as work

    functions = inspect.getmembers(failures) + inspect.getmembers(streams) + inspect.getmembers(work)
    found = {name for name, value in functions if inspect.iscoroutinefunction(value)}
    assert found == {
        "async_view",
        "sleep_async",
        "burn_async",
        "async_stream",
        "events",
        "before_async",
        "middle_async",
    }


# Transfers


def test_upload_reports_each_file(client: Client) -> None:
    files = [SimpleUploadedFile("ä.txt", b"first"), SimpleUploadedFile("empty", b"")]
    response = client.post("/transfers/upload/", {"files": files}, headers={"accept": "application/json"})
    assert response.json() == {
        "files": [
            {"name": "ä.txt", "size": 5, "sha256": hashlib.sha256(b"first").hexdigest()},
            {"name": "empty", "size": 0, "sha256": hashlib.sha256(b"").hexdigest()},
        ]
    }


def test_upload_page_shows_the_report(client: Client) -> None:
    page = client.post("/transfers/upload/", {"files": SimpleUploadedFile("a<b>.txt", b"first")}).content.decode()
    assert "a&lt;b&gt;.txt" in page
    assert hashlib.sha256(b"first").hexdigest() in page
    assert "No file arrived." in client.post("/transfers/upload/").content.decode()


def test_upload_wants_a_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/transfers/upload/", {"files": SimpleUploadedFile("a", b"a")}).status_code == 403


def test_an_upload_is_not_held() -> None:
    handler = HashingUploadHandler()
    handler.new_file("files", "large", "application/octet-stream", None)
    chunk = bytes(65_536)
    tracemalloc.start()
    try:
        for number in range(1600):
            assert handler.receive_data_chunk(chunk, number * len(chunk)) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert handler.file_complete(1600 * len(chunk)).sha256 == hashlib.sha256(chunk * 1600).hexdigest()


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_raw_body(method: str) -> None:
    body = bytes(range(256)) * 1000
    client = Client(enforce_csrf_checks=True)
    response = client.generic(method, "/transfers/raw/", body, content_type="application/x-bytes")
    assert response.json() == {
        "size": 256_000,
        "sha256": hashlib.sha256(body).hexdigest(),
        "content_type": "application/x-bytes",
    }


def test_download_is_the_picture(client: Client) -> None:
    response = client.get("/transfers/download/")
    assert response["Content-Disposition"] == 'attachment; filename="gateway.svg"'
    body = b"".join(cast("Iterator[bytes]", cast("Any", response).streaming_content))
    assert body.startswith(b"<svg")
    assert int(response["Content-Length"]) == len(body)


# Chat


@pytest.mark.django_db
def test_chat_page_shows_what_was_said_oldest_first(client: Client) -> None:
    for number in range(52):
        Message.objects.create(room="lobby", name="ada", text=f"<{number}>")
    Message.objects.create(room="attic", name="ada", text="elsewhere")
    page = client.get("/chat/lobby/").content.decode()
    assert re.findall(r"&lt;(\d+)&gt;", page) == [str(number) for number in range(2, 52)]
    assert "elsewhere" not in page
