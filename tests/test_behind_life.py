"""A proxy in front over time: reload, TLS, other servers, its log, and its end."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import psutil
import pytest

import fronting
from fronting import Fronted
from secure import SecureWebSocket
from serving import DEADLINE, Site, Stream, environment, open_request, until

PROXIES = ["nginx", "apache", "caddy"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return fronting.make(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize("proxy", PROXIES)
def test_https_with_http2_and_websockets(site: Site, proxy: str) -> None:
    serving = Fronted(site, proxy, "--https", server="daphne")
    serving.start()
    try:
        serving.wait_for("Quit with CONTROL-C.")
        assert serving.url.startswith("https://")
        authority = str(serving.gateway / "certificates" / "authority.pem")
        with httpx.Client(http2=True, verify=ssl.create_default_context(cafile=authority), timeout=DEADLINE) as client:

            def answer() -> httpx.Response | None:
                try:
                    return client.get(f"https://localhost:{serving.port}/told/")
                except httpx.TransportError:
                    return None

            response = until(answer, "nothing answers")
            assert response is not None
            assert (response.status_code, response.http_version) == (200, "HTTP/2")
            assert response.json()["HTTP_X_FORWARDED_PROTO"] == "https"
            assert client.get(f"https://localhost:{serving.port}/static/site.css").text == "body { color: black }"
        # A context of its own: httpx has asked for HTTP/2 on the other.
        context = ssl.create_default_context(cafile=authority)
        with SecureWebSocket(f"wss://localhost:{serving.port}/echo/", context) as websocket:
            websocket.send("hello")
            assert websocket.recv() == "hello"
        told = serving.seen("/told/")["proxy"]
        assert (told["protocol"], told["tls"]) == ("HTTP/2.0", "TLSv1.3")
    finally:
        serving.end(signal.SIGINT)


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_reload_refuses_nothing_and_answers_nothing_else(site: Site, proxy: str) -> None:
    with Fronted(site, proxy, "--wsgi", server="gunicorn") as serving, Stream(serving, "/version/") as stream:
        until(lambda: stream.has("one", 20))
        try:
            for number, (old, new) in enumerate([("one", "two"), ("two", "three")]):
                site.edit("mysite/views.py", f'VERSION = "{old}"', f'VERSION = "{new}"')
                until(lambda new=new: stream.has(new, 20), f"version {number} is not served")  # type: ignore[misc]
        finally:
            site.write(
                "mysite/views.py", site.read("mysite/views.py").replace('"three"', '"one"').replace('"two"', '"one"')
            )
    # Stream asserts that every answer was 200, and that no connection was refused.
    assert stream.errors == []


def test_a_project_that_can_not_be_loaded_says_so_through_the_proxy(site: Site) -> None:
    with Fronted(site, "nginx") as serving:
        good = site.read("mysite/views.py")
        try:
            site.write("mysite/views.py", good + "\nraise RuntimeError('on purpose')\n")
            until(lambda: serving.request("/version/")[0] == 503, "the failure is not shown")
            assert "on purpose" in serving.request("/version/")[1]
        finally:
            site.write("mysite/views.py", good)
        until(lambda: serving.request("/version/") == (200, "one"), "it does not recover")


def test_a_server_without_unix_sockets_is_reached_over_a_port(site: Site) -> None:
    with Fronted(site, "nginx", "--wsgi", server="django") as serving:
        assert "behind nginx" in serving.output
        assert "over port" in serving.output
        assert serving.get("/interface/") == "wsgi"
        assert serving.seen("/interface/")["proxy"]["upstream"].startswith("127.0.0.1:")


@pytest.mark.parametrize(("proxy", "most"), [("nginx", 107), ("apache", 95), ("caddy", 107)])
def test_in_a_deep_folder_a_port_takes_the_place_of_a_socket_whose_path_is_too_long(proxy: str, most: int) -> None:
    """Each takes so many bytes of a path, and refuses its configuration with more."""
    with tempfile.TemporaryDirectory(prefix="gw") as folder:
        for length, over in ((most, "/application.sock"), (most + 1, ":")):
            rest = len(f"{folder}/x/.gateway/{proxy}/application.sock")
            site = fronting.make(Path(folder) / ("x" * (length - rest + 1)))
            with Fronted(site, proxy) as serving:
                assert serving.get("/interface/") == "asgi"
                assert over in serving.seen("/interface/")["proxy"]["upstream"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_without_buffering_a_stream_is_passed_on_too(site: Site, proxy: str) -> None:
    with Fronted(site, proxy, "--nobuffering") as serving:
        with open_request(serving, "/events/") as response:
            assert response.readline() == b"data: one\n"
        assert serving.seen("/events/")["proxy"]["sent_bytes"]


def test_a_dry_run_shows_the_proxys_command_and_files(site: Site) -> None:
    command = [sys.executable, "manage.py", "gatewayserve", "8123", "--behind", "nginx", "--dry-run"]
    said = subprocess.run(
        command, cwd=site.folder, env=environment(), capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert "nginx -p" in said
    assert "listen 127.0.0.1:8123;" in said
    assert "server unix:" in said
    assert "alias " in said
    assert "--fd" in said


@pytest.mark.parametrize("proxy", PROXIES)
def test_everything_ends_with_a_parent_that_is_killed(site: Site, proxy: str) -> None:
    serving = Fronted(site, proxy)
    with serving:
        family = serving.family()
        assert any(proxy in " ".join(process.cmdline()) for process in family)
        assert serving.end(signal.SIGKILL) == -signal.SIGKILL


def test_a_proxy_that_dies_is_started_again(site: Site) -> None:
    with Fronted(site, "nginx") as serving:
        master = int((serving.own / "nginx.pid").read_text())
        psutil.Process(master).kill()
        serving.wait_for("it is started again")
        until(lambda: serving.request("/version/")[0] == 200, "it does not answer")


# The log


def test_a_log_that_is_moved_away_is_read_to_its_end(site: Site) -> None:
    with Fronted(site, "nginx") as serving:
        log = serving.own / "access.log"
        assert serving.get("/who/?n=1")
        log.rename(log.with_name("access.log.1"))
        assert serving.get("/who/?n=2")  # into the old file
        os.kill(int((serving.own / "nginx.pid").read_text()), signal.SIGUSR1)
        until(log.exists, "nginx opened no new log")
        assert serving.get("/who/?n=3")
        for number in (1, 2, 3):
            found = serving.seen("/who/", lambda told, number=number: told["query"] == f"n={number}")  # type: ignore[misc]
            assert found["interface"] == "asgi"


def test_what_a_killed_gatewayserve_left_unread_is_read_by_the_next(site: Site) -> None:
    with Fronted(site, "nginx") as serving:
        assert serving.get("/who/?n=first")
        serving.seen("/who/", lambda told: told["query"] == "n=first")
        assert serving.process is not None
        # Stopped, it reads nothing any more; nginx and the worker go on.
        serving.process.send_signal(signal.SIGSTOP)
        assert serving.get("/static/site.css?unread") == "body { color: black }"
        until(lambda: "unread" in (serving.own / "access.log").read_text(), "nginx wrote nothing")
        serving.end(signal.SIGKILL)
    with Fronted(site, "nginx") as again:
        found = again.seen("/static/site.css", lambda told: told["query"] == "unread")
        assert found["interface"] == "proxy"
        first = [s for s in again.store.page(limit=500) if s.query == "unread"]
        assert len(first) == 1


def test_the_panel_shows_the_lane(site: Site) -> None:
    with Fronted(site, "nginx", panel=True, GATEWAY_PANEL_TOKEN="a-token-of-this-test-alone-0123456789") as serving:
        assert serving.get("/told/")
        assert serving.get("/static/site.css")
        token = {"Authorization": "Bearer a-token-of-this-test-alone-0123456789"}
        panel = serving.panel_url.partition("?")[0]
        with httpx.Client(base_url=panel, headers=token, timeout=DEADLINE) as client:
            told = serving.seen("/told/")
            page = client.get(f"exchanges/{told['id']}/").text
            assert "waiting for the first byte" in page
            names = page[page.index('class="names"') :].partition("</svg>")[0]
            lanes = re.findall(r"<text x=[^>]*>([^<]+)<", names)
            assert lanes[0] == "Client"
            assert lanes.index("nginx") < min(at for at, lane in enumerate(lanes) if lane.lower().startswith("uvicorn"))
            alone = serving.seen("/static/site.css")
            page = client.get(f"exchanges/{alone['id']}/").text
            assert "did not reach the project" in page
            listed = json.loads(client.get("api/exchanges/", params={"interface": "proxy"}).text)["exchanges"]
            assert {row["interface"] for row in listed} == {"proxy"}
            assert alone["id"] in {row["id"] for row in listed}
