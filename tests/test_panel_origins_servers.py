"""Every key that a real server hands over is explained."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from django_gateway.panel.origins import (
    explain,
    wire_name,
)

APPLICATION = """
import json


def plain(value):
    return value if isinstance(value, (str, int, bool, type(None))) else f"<{type(value).__name__}>"


def application(environ, start_response):
    body = json.dumps({key: plain(value) for key, value in environ.items()}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    names = [name.decode() for name, _ in scope["headers"]]
    body = json.dumps({**{key: plain(value) for key, value in scope.items()}, "headers": names}).encode()
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})
"""

PYTHON = [sys.executable, "-m"]
WSGIREF = (
    "import handed; from wsgiref.simple_server import make_server;"
    " make_server('127.0.0.1', {port}, handed.application).serve_forever()"
)
CHEROOT = (
    "import handed; from cheroot.wsgi import Server; Server(('127.0.0.1', {port}), handed.application).safe_start()"
)
WSGI_SERVERS = {
    "WSGIServer": [sys.executable, "-c", WSGIREF],
    "gunicorn": [*PYTHON, "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:{port}", "handed"],
    "waitress": [*PYTHON, "waitress", "--listen", "127.0.0.1:{port}", "handed:application"],
    "uwsgi": [
        str(Path(sys.executable).with_name("uwsgi")),
        *("--http-socket", "127.0.0.1:{port}", "--master", "--need-app", "--die-on-term"),
        *("--module", "handed", "--pythonpath", "."),
    ],
    "granian": [
        *PYTHON,
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
        "handed:application",
    ],
    "cheroot": [sys.executable, "-c", CHEROOT],
}
ASGI_SERVERS = {
    "daphne": [*PYTHON, "daphne", "--bind", "127.0.0.1", "--port", "{port}", "handed:asgi"],
    "uvicorn": [*PYTHON, "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "handed:asgi"],
    "hypercorn": [*PYTHON, "hypercorn", "--bind", "127.0.0.1:{port}", "handed:asgi"],
    "granian": [*PYTHON, "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", "handed:asgi"],
}
#: What a server's process may find in its environment; some hand it on.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "DJANGO_SETTINGS_MODULE": "shop.settings",
    "SOMETHING_OF_MINE": "1",
}


@contextmanager
def serving(argv: list[str], folder: Path) -> Iterator[int]:
    """A server on a port that was free a moment ago; another one where somebody was faster."""
    (folder / "handed.py").write_text(APPLICATION)
    for _ in range(3):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        log = folder / "server.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [part.format(port=port) for part in argv],
                cwd=folder,
                env={**ENVIRONMENT, "PYTHONPATH": str(folder)},
                stdout=output,
                stderr=output,
            )
        try:
            if _answers(port, server):
                yield port
                return
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    raise AssertionError(log.read_text())


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 40
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return True
    return False


def handed_over(argv: list[str], folder: Path) -> dict[str, Any]:
    with serving(argv, folder) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        sent = {"X-Forwarded-Proto": "https", "User-Agent": "test", "Cookie": "a=b", "X-Own": "1", "Accept": "*/*"}
        connection.request("POST", "/b%C3%BCro/?page=2", b"x=1", sent)
        body = connection.getresponse().read()
        connection.close()
    handed: dict[str, Any] = json.loads(body)
    return handed


@pytest.mark.parametrize("server", WSGI_SERVERS)
def test_every_key_of_an_environ_is_explained(server: str, tmp_path: Path) -> None:
    handed = handed_over(WSGI_SERVERS[server], tmp_path)
    assert {"REQUEST_METHOD", "PATH_INFO", "HTTP_COOKIE", "wsgi.input"} <= handed.keys()
    origins = {key: explain("environ", key, server) for key in handed}
    assert {key for key, origin in origins.items() if not origin.known} == set()
    assert {key for key, origin in origins.items() if not (origin.source and origin.explanation.endswith("."))} == set()
    leaked = {key for key, origin in origins.items() if origin.source == "process environment"}
    assert leaked == (ENVIRONMENT.keys() | {"PYTHONPATH", "LC_CTYPE"}) & handed.keys()
    assert ("SOMETHING_OF_MINE" in leaked) == (server in ("WSGIServer", "granian"))


@pytest.mark.parametrize("server", ASGI_SERVERS)
def test_every_key_of_a_scope_is_explained(server: str, tmp_path: Path) -> None:
    handed = handed_over(ASGI_SERVERS[server], tmp_path)
    assert {"type", "method", "path", "headers"} <= handed.keys()
    origins = {key: explain("scope", key, server) for key in handed}
    assert {key for key, origin in origins.items() if not origin.known} == set()
    assert {wire_name(name) for name in handed["headers"]} >= {"X-Forwarded-Proto", "X-Own", "Cookie"}
