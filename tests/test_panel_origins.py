"""Where each key of a handover comes from, tried on what real servers hand over."""

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

import trails
from django_gateway.panel.origins import (
    Origin,
    asgi,
    cgi,
    describe,
    describe_answer,
    explain,
    header,
    headers,
    process,
    refine,
    wire_name,
    wsgi,
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


def test_every_variable_of_cgi_is_explained() -> None:
    """RFC 3875, sections 4.1.1 to 4.1.17."""
    names = (
        "AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE GATEWAY_INTERFACE PATH_INFO PATH_TRANSLATED QUERY_STRING REMOTE_ADDR"
        " REMOTE_HOST REMOTE_IDENT REMOTE_USER REQUEST_METHOD SCRIPT_NAME SERVER_NAME SERVER_PORT SERVER_PROTOCOL"
        " SERVER_SOFTWARE"
    )
    for number, name in enumerate(names.split(), 1):
        assert f"RFC 3875 §4.1.{number}" in explain("environ", name).specification.split("; ")


def test_every_key_of_the_specifications_is_explained() -> None:
    """PEP 3333's environ variables; the ASGI specification's connection scopes for HTTP, WebSocket and lifespan."""
    pep = "version url_scheme input errors multithread multiprocess run_once file_wrapper"
    for name in pep.split():
        assert "PEP 3333" in explain("environ", f"wsgi.{name}").specification
    scope = (
        "type asgi http_version method scheme path raw_path query_string root_path headers client server state"
        " extensions subprotocols"
    )
    for name in scope.split():
        assert explain("scope", name).specification.startswith("ASGI, ")


@pytest.mark.parametrize(
    ("key", "source"),
    [
        ("gunicorn.socket", "connection itself"),
        ("RAW_URI", "request line, as it was sent"),
        ("mod_wsgi.queue_start", "Apache's clock"),
        ("mod_wsgi.something_new", "server"),
        ("uwsgi.version", "a constant of the server"),
        ("waitress.client_disconnected", "connection, looked at when called"),
        ("wsgi.input_terminated", "server"),
        ("wsgi.early_hints", "server"),
        ("SSL_CIPHER", "connection: TLS"),
        ("REDIRECT_URL", "the web server"),
        ("HTTP_X_OWN", "header X-Own"),
        ("HTTP_SEC_WEBSOCKET_KEY", "header Sec-WebSocket-Key"),
        ("XDG_SESSION_ID", "process environment"),
        ("Something odd", "not known"),
    ],
)
def test_keys_of_servers(key: str, source: str) -> None:
    assert explain("environ", key, "gunicorn").source == source


@pytest.mark.parametrize("key", ["url_route", "session", "user", "cookies", "path_remaining"])
def test_channels_additions(key: str) -> None:
    assert explain("scope", key).specification == "Channels"
    assert explain("scope", "of_mine").known is False


def test_each_has_its_counterpart() -> None:
    pairs = {
        "PATH_INFO": "path",
        "QUERY_STRING": "query_string",
        "REQUEST_METHOD": "method",
        "SCRIPT_NAME": "root_path",
        "wsgi.url_scheme": "scheme",
        "REMOTE_ADDR": "client",
    }
    for environ, scope in pairs.items():
        assert explain("environ", environ).counterpart == scope
        assert explain("scope", scope).counterpart == environ
    assert explain("environ", "HTTP_ACCEPT").counterpart == "headers: accept"
    assert header("x-own") == Origin("header X-Own", "A header of the client's or a proxy's own.", "", "HTTP_X_OWN")


def test_every_text_is_a_sentence() -> None:
    tables: list[dict[str, Origin]] = [
        cgi.VARIABLES,
        cgi.ADDED,
        cgi.FAMILIES,
        wsgi.KEYS,
        wsgi.FAMILIES,
        asgi.KEYS,
        asgi.FAMILIES,
    ]
    texts = [origin.explanation for table in tables for origin in table.values()]
    texts += [known.meaning for known in headers.HEADERS.values()]
    texts += [*process.NAMES.values(), *process.FAMILIES.values()]
    assert [text for text in texts if not text.endswith(".")] == []
    assert [name for name in headers.HEADERS if name != name.lower()] == []


def test_headers_in_words() -> None:
    assert describe("Sec-CH-UA-Mobile") == describe("sec-ch-ua")
    assert describe("X-Own") is None
    assert [wire_name(key) for key in ("HTTP_USER_AGENT", "content-type", "HTTP_DNT", "HTTP_X_REAL_IP")] == [
        "User-Agent",
        "Content-Type",
        "DNT",
        "X-Real-IP",
    ]


# What a server believed


@pytest.mark.parametrize(
    ("key", "value", "sent", "source"),
    [
        ("scheme", "https", {"x-forwarded-proto": "https"}, "X-Forwarded-Proto, trusted by Uvicorn"),
        ("wsgi.url_scheme", "https", {"x-forwarded-proto": "https, http"}, "X-Forwarded-Proto, trusted by Uvicorn"),
        ("scheme", "wss", {"x-forwarded-proto": "https"}, "X-Forwarded-Proto, trusted by Uvicorn"),
        ("scheme", "http", {"x-forwarded-proto": "https"}, "connection: with TLS or not"),
        ("scheme", "http", {"x-forwarded-proto": "http"}, "connection: with TLS or not"),
        ("scheme", "https", {}, "connection: with TLS or not"),
        ("client", ["10.0.0.9", 0], {"x-forwarded-for": "10.0.0.9, 10.0.0.1"}, "X-Forwarded-For, trusted by Uvicorn"),
        ("client", ["127.0.0.1", 5100], {"x-forwarded-for": "127.0.0.1"}, "connection: the peer's address"),
        ("client", None, {}, "nothing: the peer is a Unix socket"),
        ("REMOTE_ADDR", "", {"x-forwarded-for": "127.0.0.1"}, "nothing: the peer is a Unix socket"),
        ("root_path", "", {}, "server option; not set"),
        ("root_path", "/shop", {}, "the server's options"),
    ],
)
def test_what_a_server_believed(key: str, value: Any, sent: dict[str, str], source: str) -> None:
    kind = "environ" if key in ("wsgi.url_scheme", "REMOTE_ADDR") else "scope"
    assert refine(explain(kind, key), key, value, sent, "Uvicorn").source == source


# The answer


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("X-Frame-Options", "DENY", "XFrameOptionsMiddleware: X_FRAME_OPTIONS"),
        ("x-content-type-options", "nosniff", "SecurityMiddleware: SECURE_CONTENT_TYPE_NOSNIFF"),
        ("Set-Cookie", "csrftoken=•••••; Path=/", "CsrfViewMiddleware: a form was shown, or get_token() called"),
        ("Set-Cookie", "colour=•••••", "response.set_cookie()"),
        ("Vary", "Cookie", "SessionMiddleware"),
        ("Vary", "Origin", ""),
        ("Content-Encoding", "gzip", ""),
        ("Location", "/login/", "the redirect: HttpResponseRedirect, or a middleware that redirects"),
        ("X-Own", "1", ""),
    ],
)
def test_who_set_a_header(name: str, value: str, expected: str) -> None:
    assert describe_answer(name, value, [path for path, _ in trails.MIDDLEWARE]) == expected


def test_a_middleware_that_is_not_there_set_nothing() -> None:
    assert describe_answer("X-Frame-Options", "DENY", []) == ""
    assert describe_answer("Set-Cookie", "sessionid=•••••", []) == "response.set_cookie()"
