"""When the panel's process ends, and what it can't start with."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import factories
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


def test_it_ends_on_sigterm_with_a_stream_open(panel: PanelProcess) -> None:
    stream = Stream(panel)
    panel.process.terminate()
    assert panel.process.wait(DEADLINE) == 0
    assert stream.lines.read() == 'data: {"recorded":0}\n\n'
    stream.close()


def test_ctrl_c_is_for_whoever_started_it(panel: PanelProcess) -> None:
    get(panel, "/")
    panel.process.send_signal(signal.SIGINT)
    assert get(panel, "/")[0] == 200


def test_it_ends_with_its_lifeline(tmp_path: Path) -> None:
    with PanelProcess(tmp_path, stdin=subprocess.PIPE) as panel:
        assert get(panel, "/")[0] == 200
        assert panel.process.stdin is not None
        panel.process.stdin.close()
        assert panel.process.wait(DEADLINE) == 0


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    # The parent is killed: it has no chance to end anybody.
    code = """
import os, pathlib, signal, socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
command = ["-m", "django_gateway.panel", "--fd", str(listener.fileno()), "--store", "sqlite:///" + sys.argv[1] + "/x"]
child = subprocess.Popen([sys.executable, *command], pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL)
print(child.pid, listener.getsockname()[1], flush=True)
signal.pause()
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, port = map(int, parent.stdout.readline().split())
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(16).startswith(b"HTTP/1.1 403")
    # A pidfd tells the end of a process that is nobody's child here.
    descriptor = os.pidfd_open(pid)
    try:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        until(lambda: _has_ended(descriptor))
    finally:
        os.close(descriptor)


def _has_ended(descriptor: int) -> bool:
    try:
        signal.pidfd_send_signal(descriptor, 0)
    except ProcessLookupError:
        return True
    # Whoever inherits an orphan may be slow to bury it.
    with open(f"/proc/self/fdinfo/{descriptor}") as info:
        pid = next(int(line.split()[1]) for line in info if line.startswith("Pid:"))
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--store", "sqlite:///tmp/x", "--fd", "999"], "no listening socket"),
        (["--store", "mysql://x", "--fd", "0"], "there is no store"),
        (["--store", "sqlite:///tmp/x"], "--fd"),
        (["--fd", "0"], "--store"),
        (["--store", "sqlite:///tmp/x", "--fd", "0", "--folder", "/dev/null"], "token"),
    ],
)
def test_what_cannot_be_started_says_why(arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_PANEL_TOKEN", raising=False)
    if "/dev/null" not in arguments:
        monkeypatch.setenv("GATEWAY_PANEL_TOKEN", TOKEN)
    command = [sys.executable, "-m", "django_gateway.panel", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_is_damaged_and_one_that_is_made_anew(panel: PanelProcess) -> None:
    factories.keep(panel.store, factories.wsgi_page())
    assert get(panel, "/")[0] == 200
    panel.store.close()
    path = Path(panel.url.removeprefix("sqlite:///"))
    for part in path.parent.glob(path.name + "*"):
        part.unlink()
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    for address in ("/", "/api/exchanges/", "/live/poll"):
        status, text = get(panel, address)
        assert status == 503
        assert "delete the file" in text
    path.unlink()
    assert json.loads(get(panel, "/api/exchanges/")[1])["exchanges"] == []
