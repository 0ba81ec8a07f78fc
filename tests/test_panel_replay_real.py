"""A recorded request sent once more under a real gatewayserve: as it is served, and through another interface."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from panels import TESTPROJECT
from serving import Serving, until


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("gateway")
    with Serving(TESTPROJECT, "--wsgi", "--noreload", panel=True, GATEWAY_FOLDER=str(folder)) as serving:
        assert serving.request("/json/?colour=blue")[0] == 200
        yield serving


def ask(serving: Serving, path: str, method: str = "GET", **fields: str) -> tuple[int, dict[str, str], str]:
    found = urlsplit(serving.panel_url)
    headers = {"Authorization": f"Bearer {parse_qs(found.query)['token'][0]}"}
    body = None
    if fields:
        body = urlencode(fields)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    with closing(http.client.HTTPConnection("127.0.0.1", found.port or 0, timeout=120)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read().decode()


def recorded(serving: Serving, query: str = "") -> list[dict[str, Any]]:
    return list(json.loads(ask(serving, f"/api/exchanges/{query}")[2])["exchanges"])


@pytest.mark.parametrize(
    ("through", "interface", "server"),
    [
        ("", "wsgi", "django"),
        ("asgi", "asgi", "daphne"),
        ("cgi", "cgi", None),
        ("asgi uvicorn", "asgi", "uvicorn"),
        ("wsgi waitress", "wsgi", "waitress"),
    ],
)
def test_it_is_recorded_and_compared(serving: Serving, through: str, interface: str, server: str | None) -> None:
    (*_, first) = until(lambda: recorded(serving, "?path=/json/&interface=wsgi"))
    status, headers, text = ask(serving, f"/exchanges/{first['id']}/replay/", "POST", through=through)
    assert status == 303, re.sub(r"\s+", " ", text)
    (new,) = parse_qs(urlsplit(headers["Location"]).query)["b"]
    (found,) = [each for each in recorded(serving, "?path=/json/") if each["id"] == new]
    assert (found["interface"], found["query"], found["status"]) == (interface, "colour=blue", 200)
    assert server in (None, found["server"])
    assert ask(serving, headers["Location"])[0] == 200


def test_servers_that_are_here_can_be_chosen(serving: Serving) -> None:
    (first, *_) = until(lambda: recorded(serving, "?path=/json/&interface=wsgi"))
    text = ask(serving, f"/exchanges/{first['id']}/replay/")[2]
    for value in ("asgi hypercorn", "wsgi gunicorn", "asgi granian", "wsgi granian"):
        assert f'value="{value}"' in text
    assert 'value="wsgi django"' not in text  # as it is served now
    refused = ask(serving, f"/exchanges/{first['id']}/replay/", "POST", through="wsgi nosuch")
    assert refused[0] == 502
    assert "There is no server" in refused[2]


def test_the_panel_knows_what_is_served(serving: Serving) -> None:
    text = ask(serving, "/settings/")[2]
    assert "testproject.settings" in text
    assert str(Path("testproject")) in text
    topology = ask(serving, "/topology/")[2]
    assert f"127.0.0.1:{serving.port}" in topology
    assert "Supervisor" in topology
