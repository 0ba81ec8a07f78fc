"""Where each key of a handover comes from."""

from __future__ import annotations

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
