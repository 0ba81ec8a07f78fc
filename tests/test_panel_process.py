"""The panel as a process of its own, on real sockets."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import factories
from django_gateway.exchange import format_id
from django_gateway.panel.live import MOST_STREAMS
from panels import BEARER, TOKEN, PanelProcess

DEADLINE = 20.0


def until(condition: Callable[[], Any]) -> Any:
    """What ``condition`` returns once it is true."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[PanelProcess]:
    with PanelProcess(tmp_path) as panel:
        yield panel


def connect(panel: PanelProcess) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection("127.0.0.1", panel.port, timeout=DEADLINE))


def get(panel: PanelProcess, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    with connect(panel) as connection:
        connection.request("GET", path, headers=BEARER if headers is None else headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


class Stream:
    """The live feed, running: the count of what is recorded has come."""

    def __init__(self, panel: PanelProcess) -> None:
        self.connection = socket.create_connection(("127.0.0.1", panel.port), timeout=DEADLINE)
        request = f"GET /live/ HTTP/1.1\r\nHost: localhost:{panel.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        self.connection.sendall(request.encode())
        self.lines = self.connection.makefile("r", encoding="utf-8", newline="\n")
        assert self.lines.readline() == "HTTP/1.1 200 OK\r\n"
        while (line := self.lines.readline()) != "event: recorded\n":
            assert line

    def close(self) -> None:
        self.lines.close()
        self.connection.close()


def threads(panel: PanelProcess) -> int:
    return len(os.listdir(f"/proc/{panel.process.pid}/task"))


def test_it_shows_what_other_processes_record(panel: PanelProcess) -> None:
    assert json.loads(get(panel, "/api/exchanges/")[1])["exchanges"] == []
    exchange = factories.asgi_page()
    factories.keep(panel.store, exchange)
    status, text = get(panel, f"/api/exchanges/{format_id(exchange.id)}/")
    assert status == 200
    assert json.loads(text)["path"] == "/orders/"
    status, text = get(panel, "/")
    assert status == 200
    assert format_id(exchange.id) in text


def test_a_connection_is_used_again(panel: PanelProcess) -> None:
    with connect(panel) as connection:
        for path in ("/", "/api/exchanges/", "/nowhere/", "/live/poll"):
            connection.request("GET", path, headers=BEARER)
            response = connection.getresponse()
            response.read()
            assert not response.will_close, path


def test_an_answer_leaves_in_one_piece(panel: PanelProcess) -> None:
    """One apart from its head would wait for the client's acknowledgement."""
    with socket.create_connection(("127.0.0.1", panel.port), timeout=DEADLINE) as connection:
        for method, path in (("GET", "/live/poll"), ("HEAD", "/live/poll"), ("GET", "/exchanges"), ("POST", "/")):
            length = "Content-Length: 0\r\n" if method == "POST" else ""
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}Authorization: Bearer {TOKEN}\r\n\r\n"
            connection.sendall(head.encode())
            status, _, rest = connection.recv(65_536).partition(b"\r\n")
            head_lines, _, body = rest.partition(b"\r\n\r\n")
            headers = dict(line.split(b": ", 1) for line in head_lines.split(b"\r\n"))
            assert status.startswith(b"HTTP/1.1 ")
            assert len(body) == (0 if method == "HEAD" else int(headers[b"Content-Length"])), (method, path)


def test_a_request_line_without_end_is_refused(panel: PanelProcess) -> None:
    with socket.create_connection(("127.0.0.1", panel.port), timeout=DEADLINE) as connection:
        connection.sendall(b"GET /" + b"a" * 65_532)
        assert b" 414 " in connection.makefile("rb").readline()


def test_it_is_behind_its_token_host_and_origin(panel: PanelProcess) -> None:
    assert get(panel, "/", {})[0] == 403
    assert get(panel, "/", {**BEARER, "Host": "rebound.example.org"})[0] == 403
    assert get(panel, "/", {**BEARER, "Host": f"localhost:{panel.port}"})[0] == 200
    assert get(panel, "/", {**BEARER, "Origin": f"http://127.0.0.1:{panel.port}"})[0] == 200
    for origin in ("http://127.0.0.1", f"http://localhost:{panel.port}", "null"):
        assert get(panel, "/", {**BEARER, "Origin": origin})[0] == 403


def test_two_hosts_are_none(panel: PanelProcess) -> None:
    with socket.create_connection(("127.0.0.1", panel.port), timeout=DEADLINE) as connection:
        lines = [
            "GET / HTTP/1.1",
            "Host: localhost",
            "Host: example.org",
            f"Authorization: Bearer {TOKEN}",
            "Connection: close",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 403")


def test_guessing_ends_soon_and_leaves_nothing_in_the_log(panel: PanelProcess) -> None:
    guesses = [get(panel, f"/?token=guess-{number}", {})[0] for number in range(15)]
    assert guesses.count(403) < 15
    assert guesses[-1] == 429
    assert get(panel, f"/?token={TOKEN}", {})[0] == 429
    panel.close()
    log = panel.log.read_text()
    assert "guess" not in log
    assert TOKEN not in log


def test_it_says_nothing_on_the_terminal(panel: PanelProcess) -> None:
    for path in ("/", "/nowhere/", "/api/exchanges/?q=x:y", f"/?token={TOKEN}", "/clear/"):
        get(panel, path)
    Stream(panel).close()
    with socket.create_connection(("127.0.0.1", panel.port)) as garbage:
        garbage.sendall(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        garbage.recv(4096)
    panel.process.terminate()
    assert panel.process.wait(DEADLINE) == 0
    assert panel.log.read_text() == ""


def test_the_token_comes_from_the_file_where_the_environment_has_none(tmp_path: Path) -> None:
    with PanelProcess(tmp_path, token=None) as panel:
        assert get(panel, "/", {})[0] == 403
        token = (tmp_path / "token").read_text().strip()
        assert get(panel, "/", {"Authorization": f"Bearer {token}"})[0] == 200


def test_it_answers_to_names_it_is_told(tmp_path: Path) -> None:
    with PanelProcess(tmp_path, "--host", "Panel.example.org") as panel:
        assert get(panel, "/", {**BEARER, "Host": "panel.example.org:8001"})[0] == 200
        assert get(panel, "/", {**BEARER, "Host": "example.org"})[0] == 403


def test_the_project_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "not_there.settings")
    with PanelProcess(tmp_path) as panel:
        assert get(panel, "/")[0] == 200


def test_a_stream_brings_what_is_recorded_elsewhere(panel: PanelProcess) -> None:
    stream = Stream(panel)
    exchange = factories.failure()
    factories.keep(panel.store, exchange)
    while stream.lines.readline() != "event: exchange\n":
        pass
    data = json.loads(stream.lines.readline().removeprefix("data: "))
    assert data["id"] == format_id(exchange.id)
    assert data["row"]["note"] == "ZeroDivisionError · shop.views.pay"
    stream.close()


def test_a_client_that_leaves_gives_its_thread_back(panel: PanelProcess) -> None:
    get(panel, "/")
    until(lambda: threads(panel) == 1)
    streams = [Stream(panel) for _ in range(5)]
    assert threads(panel) == 6
    for stream in streams:
        stream.close()
    until(lambda: threads(panel) == 1)


def test_streams_do_not_keep_pages_from_being_served(panel: PanelProcess) -> None:
    streams = [Stream(panel) for _ in range(MOST_STREAMS)]
    assert get(panel, "/live/")[0] == 503
    assert get(panel, "/")[0] == 200
    for stream in streams:
        stream.close()
    until(lambda: threads(panel) == 1)
    Stream(panel).close()


def test_connections_beyond_what_it_serves_are_closed_at_once(panel: PanelProcess) -> None:
    get(panel, "/")
    silent = [socket.create_connection(("127.0.0.1", panel.port), timeout=DEADLINE) for _ in range(130)]
    assert any(_is_closed(connection) for connection in silent[100:])
    for connection in silent:
        connection.close()
    until(lambda: _answers(panel))


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.5)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def _answers(panel: PanelProcess) -> bool:
    try:
        return get(panel, "/")[0] == 200
    except (ConnectionError, http.client.HTTPException):
        return False
