"""gatewayserve serves a project in both modes, as runserver would and with the same manners."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from django_gateway.stores import open_store
from serving import DEADLINE, Serving, Site, until

MODES = ["--wsgi", "--asgi"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_serves_views_and_static_files_and_records(site: Site, mode: str) -> None:
    with Serving(site.folder, mode) as serving:
        assert serving.get("/interface/") == mode.removeprefix("--")
        status, css = serving.request("/static/admin/css/base.css")
        assert status == 200
        assert "body" in css
        assert serving.request("/nowhere/")[0] == 404
        serving.wait_for('"GET /interface/ HTTP/1.1" 200 4')
        serving.wait_for('"GET /nowhere/ HTTP/1.1" 404')
        store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
        recorded = until(lambda: [one for one in store.page() if one.path == "/interface/"])
        assert recorded[0].interface == mode.removeprefix("--")
        store.close()
    assert (site.folder / ".gateway/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("mode", MODES)
def test_nostatic(site: Site, mode: str) -> None:
    with Serving(site.folder, mode, "--nostatic") as serving:
        assert serving.request("/static/admin/css/base.css")[0] == 404


@pytest.mark.parametrize("mode", MODES)
def test_static_files_without_debug_only_if_insecure(site: Site, mode: str) -> None:
    site.settings("DEBUG = False\nALLOWED_HOSTS = ['127.0.0.1']")
    with Serving(site.folder, mode) as serving:
        assert serving.request("/static/admin/css/base.css")[0] == 404
    with Serving(site.folder, mode, "--insecure") as serving:
        assert serving.request("/static/admin/css/base.css")[0] == 200


def test_asgi_where_there_is_no_asgi_module_at_all(site: Site) -> None:
    (site.folder / "mysite/asgi.py").unlink()
    with Serving(site.folder, "--asgi") as serving:
        assert serving.get("/interface/") == "asgi"


def test_wsgi_where_no_asgi_application_is_set(site: Site) -> None:
    with Serving(site.folder) as serving:
        assert serving.get("/interface/") == "wsgi"
        assert "WSGI on Django's own server" in serving.output


def test_asgi_where_an_asgi_application_is_set_with_websockets_and_static_files(site: Site) -> None:
    with Serving(site.with_sockets().folder) as serving:
        assert "ASGI on Daphne" in serving.output
        assert serving.get("/interface/") == "asgi"
        assert serving.request("/static/admin/css/base.css")[0] == 200
        address = serving.url.replace("http", "ws")
        with connect(f"{address}echo/") as websocket:
            websocket.send("hello")
            assert websocket.recv() == "hello"
            websocket.send(b"\x00\x01")
            assert websocket.recv() == b"\x00\x01"
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{address}closed/")
        assert refused.value.response.status_code == 403
        serving.wait_for('"WEBSOCKET /echo/" 101 open')
        serving.wait_for('"WEBSOCKET /echo/" 1000 closed')
        serving.wait_for('"WEBSOCKET /closed/" 403 rejected')


def test_django_application_where_none_is_set(site: Site) -> None:
    site.settings("WSGI_APPLICATION = None")
    (site.folder / "mysite/wsgi.py").unlink()
    with Serving(site.folder) as serving:
        assert serving.get("/interface/") == "wsgi"


def test_application_named_on_the_command_line(site: Site) -> None:
    site.write(
        "hello.py", "def hello(environ, start_response):\n    start_response('200 OK', [])\n    return [b'hello']\n"
    )
    with Serving(site.folder, "--application", "hello:hello") as serving:
        assert serving.get("/anything/") == "hello"


def test_options_from_the_settings_give_way_to_the_command_line(site: Site) -> None:
    site.settings("GATEWAY = {'SERVE': {'INTERFACE': 'asgi', 'SERVER': 'daphne', 'ADDRESS': 0, 'STATIC': False}}")
    with Serving(site.folder, port="") as serving:
        assert serving.get("/interface/") == "asgi"
        assert serving.request("/static/admin/css/base.css")[0] == 404
    with Serving(site.folder, "--wsgi", port="") as serving:
        assert serving.get("/interface/") == "wsgi"


@pytest.mark.parametrize("mode", MODES)
def test_ipv6(site: Site, mode: str) -> None:
    with Serving(site.folder, mode, "-6") as serving:
        assert serving.url.startswith("http://[::1]:")
        assert serving.get("/version/") == "one"
    with Serving(site.folder, mode, port="[::1]:0") as serving:
        assert serving.get("/version/") == "one"


def test_every_address_of_the_machine(site: Site) -> None:
    with Serving(site.folder, port="0.0.0.0:0") as serving:
        assert serving.url.startswith("http://127.0.0.1:")
        assert "0.0.0.0" in serving.output
        assert serving.get("/version/") == "one"


@pytest.mark.parametrize("mode", MODES)
def test_workers(site: Site, mode: str) -> None:
    with Serving(site.folder, mode, "--workers", "2") as serving:
        assert "2 workers" in serving.output
        seen: set[str] = set()

        def both() -> bool:
            seen.add(serving.get("/who/"))
            return len(seen) == 2

        until(both)


def send(serving: Serving, data: bytes) -> None:
    """Until the server closes, which it may do before it has read all of what it refuses."""
    with (
        socket.create_connection((serving.host, serving.port), timeout=DEADLINE) as connection,
        suppress(ConnectionError),
    ):
        connection.sendall(data)
        while connection.recv(4096):
            pass


@pytest.mark.parametrize("mode", MODES)
def test_control_characters_do_not_reach_the_terminal(site: Site, mode: str) -> None:
    with Serving(site.folder, mode) as serving:
        serving.get("/version/")
        send(serving, b"GET /\x1b[31mred\x07 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        # Daphne refuses such a path before there is anything to log.
        serving.get("/version/?%1b[31mred")
        serving.wait_for("red", times=2 if mode == "--wsgi" else 1)
        assert "\x1b" not in serving.output
        assert "\x07" not in serving.output


def test_https_sent_to_http(site: Site) -> None:
    with Serving(site.folder) as serving:
        serving.get("/version/")
        send(serving, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        serving.wait_for("spoke HTTPS")


def test_migrations_notice_once(site: Site) -> None:
    with Serving(site.folder) as serving:
        serving.wait_for("You have 18 unapplied migration(s).")
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: serving.get("/version/") == "two")
        serving.wait_for("restarted in")
        assert serving.output.count("unapplied migration") == 1


def test_nopanel_and_panel(site: Site) -> None:
    with Serving(site.folder) as serving:
        assert "Panel" not in serving.output
    with Serving(site.folder, panel=True) as serving:
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", serving.panel_url)
        assert found
        assert int(found[1]) > serving.port
        serving.get("/version/")
        with socket.create_connection(("127.0.0.1", int(found[1]))):
            pass


def test_websocket_of_the_old_code_is_closed_with_service_restart(site: Site) -> None:
    with (
        Serving(site.with_sockets().folder) as serving,
        connect(f"{serving.url.replace('http', 'ws')}echo/") as websocket,
    ):
        site.edit("mysite/views.py", '"one"', '"two"')
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
