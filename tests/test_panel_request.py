"""What the handover tab says that Django makes of a request, beside what Django's own requests say."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.test import override_settings

import page_factories
from django_gateway.exchange import Exchange, Handover
from django_gateway.instrument import request_settings
from django_gateway.panel.tabs import handover as tab
from django_gateway.panel.tabs import request as made
from django_gateway.panel.tabs.base import Subject
from truth import BOTH, asked

PROXIED = {
    "X-Forwarded-Proto": "https, http",
    "X-Forwarded-Host": "shop.example",
    "X-Forwarded-Port": "8443",
    "X-Forwarded-For": "203.0.113.7, 10.0.0.1",
}
SETTINGS: list[dict[str, Any]] = [
    {},
    {"ALLOWED_HOSTS": ["*"]},
    {"DEBUG": True},
    {"ALLOWED_HOSTS": ["*"], "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")},
    {"ALLOWED_HOSTS": ["shop.example"], "USE_X_FORWARDED_HOST": True, "USE_X_FORWARDED_PORT": True},
    {"ALLOWED_HOSTS": [".example"], "FORCE_SCRIPT_NAME": "/forced"},
]
PATHS = [("", "/"), ("", ""), ("/sub", "/a/b/"), ("", "//two"), ("", "/café/ß"), ("", "/a/../b"), ("", "/a b?c")]
HEADERS: list[dict[str, str]] = [
    {},
    {"Host": "testserver"},
    {"Host": "localhost:8000"},
    {"Host": "shop.example:8080", **PROXIED},
    {"Host": "evil example", "Cookie": "a=1"},
    {"Host": "[::1]:80", "Content-Type": "text/plain", "X-Two": "one"},
]


def environ(script: str, path: str, headers: dict[str, str], query: str) -> dict[str, Any]:
    given = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": script.encode().decode("latin-1"),
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "machine",
        "SERVER_PORT": "8001",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "http",
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        given[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return given


def scope(script: str, path: str, headers: dict[str, str], query: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "get",
        "scheme": "https",
        "path": script + path,
        "root_path": script,
        "query_string": query.encode(),
        "client": ["192.0.2.1", 4711],
        "server": ["machine", 443],
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }


def handed(kind: str, given: dict[str, Any]) -> Handover:
    """As the recorder keeps it: bytes as text."""

    def kept(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.decode("latin-1")
        return [[part.decode() for part in pair] for pair in value] if value and isinstance(value, list) else value

    entries = [[key, value if key in ("client", "server") else kept(value)] for key, value in given.items()]
    return Handover(kind, entries)


def exchange(handover: Handover, query: str) -> Exchange:
    return page_factories.wsgi_page(handover=handover, query=query, facts=[[made.FACT, request_settings.read()]])


def of_django(request: HttpRequest) -> list[str]:
    def asked(method: Any) -> str:
        try:
            return str(method())
        except DisallowedHost:
            return "DisallowedHost"

    return [
        str(request.scheme),
        str(request.is_secure()),
        asked(request.get_host),
        request.get_port(),
        request.path,
        asked(request.build_absolute_uri),
        request.META["REMOTE_ADDR"],
    ]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: ",".join(settings) or "none")
@pytest.mark.parametrize(("script", "path"), PATHS)
def test_it_is_what_django_says(settings: dict[str, Any], script: str, path: str) -> None:
    with override_settings(**{"DEBUG": False, "ALLOWED_HOSTS": [], **settings}):
        for headers in HEADERS:
            for query in ("", "a=1&b=ü"):
                given = environ(script, path, headers, query)
                told = made.values(exchange(handed("environ", given), query))
                request: HttpRequest = WSGIRequest({**given, "wsgi.input": io.BytesIO()})
                assert [said.value for said in told["said"]] == of_django(request), headers

                given = scope(script, path, headers, query)
                told = made.values(exchange(handed("scope", given), query))
                request = ASGIRequest(given, io.BytesIO())
                assert [said.value for said in told["said"]] == of_django(request), headers
                meta = {key.name: key.value for key in told["meta"]}
                expected = {key: str(value) for key, value in request.META.items() if not key.startswith("wsgi.")}
                # The query is bytes in the record.
                assert {**meta, "QUERY_STRING": ""} == {**expected, "QUERY_STRING": ""}


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"Host": "shop.example"}, []),
        ({"Host": "shop.example", "X-Forwarded-Proto": "https"}, ["SECURE_PROXY_SSL_HEADER"]),
        ({"Host": "127.0.0.1", "X-Forwarded-Host": "shop.example"}, ["USE_X_FORWARDED_HOST"]),
        ({"Host": "shop.example", "X-Forwarded-For": "203.0.113.7"}, ["REMOTE_ADDR"]),
        ({"Host": "shop.example", "X-Forwarded-For": "192.0.2.1"}, []),
    ],
)
def test_what_a_proxy_says_and_django_does_not_heed(headers: dict[str, str], told: list[str]) -> None:
    hints = made.values(exchange(handed("environ", environ("", "/", headers, "")), ""))["hints"]
    assert len(hints) == len(told)
    assert all(word in hint for word, hint in zip(told, hints, strict=True))


def test_nothing_is_said_where_the_settings_are_not_known() -> None:
    found = page_factories.wsgi_page(facts=[])
    assert made.values(found)["said"] == []
    assert tab.build(Subject(found), {})["made"]["said"] == []


@pytest.mark.parametrize("value", ["text", 7, [], {"ALLOWED_HOSTS": 7, "SECURE_PROXY_SSL_HEADER": "x"}, None])
def test_hostile_facts(value: Any) -> None:
    handover = handed("environ", environ("", "/", {"Host": "h"}, ""))
    assert isinstance(
        made.values(page_factories.wsgi_page(handover=handover, facts=[[made.FACT, value]]))["said"], list
    )


@BOTH
@pytest.mark.django_db
def test_a_recorded_request_has_it(interface: str) -> None:
    found = made.values(asked(interface, "/sync/"))
    said = {said.call: said.value for said in found["said"]}
    assert said["request.build_absolute_uri()"] == "http://testserver/sync/"
    assert bool(found["meta"]) is (interface == "asgi")
