"""The tour's buttons under a real gatewayserve, with nginx in front of Daphne: what they ask for is recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from django_gateway.panel.replay import Target, converse, plan
from panels import TESTPROJECT
from serving import Serving, until
from test_panel_replay_real import ask, recorded


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("gateway")
    arguments = ("--asgi", "--noreload", "--behind", "nginx")
    with Serving(TESTPROJECT, *arguments, panel=True, GATEWAY_FOLDER=str(folder)) as serving:
        assert serving.request("/json/?colour=blue")[0] == 200
        until(lambda: recorded(serving, "?path=/json/"))
        yield serving


def press(serving: Serving, step: str, **fields: str) -> tuple[str, dict[str, Any]]:
    """Where the button leads, and what was recorded."""
    status, headers, text = ask(serving, "/learn/", "POST", step=step, **fields)
    assert status == 303, re.sub(r"\s+", " ", text)
    match = re.fullmatch(r"/exchanges/([0-9a-f]{16})/\?tab=(\w+)", headers["Location"])
    assert match is not None
    return match[2], json.loads(ask(serving, f"/api/exchanges/{match[1]}/")[2])


def test_a_websocket_is_opened_where_the_readers_own_was(serving: Serving) -> None:
    assert "None of your own is recorded yet" in ask(serving, "/learn/")[2]
    tab, refused = press(serving, "websocket")
    assert (tab, refused["type"], refused["path"]) == ("messages", "websocket", "/json/")

    opened = converse(Target("127.0.0.1", serving.port), plan("GET", "/ws/echo/", [], body=0), "hello")
    # A pong at least; the echo too, unless this machine is busy.
    assert opened.status == 101
    assert opened.frames >= 1
    until(lambda: recorded(serving, "?path=/ws/echo/&state=finished"))
    assert "as the newest of your own did" in ask(serving, "/learn/")[2]

    _, silent = press(serving, "websocket")
    assert (silent["path"], silent["status"], silent["close"]["code"]) == ("/ws/echo/", 101, 1000)
    assert silent["close"]["by"] == "client"
    assert [each["type"] for each in silent["messages"] if each["type"] in ("text", "binary")] == []
    _, spoken = press(serving, "websocket", say="1")
    assert [(each["direction"], each["size"]) for each in spoken["messages"] if each["type"] == "text"] == [
        ("received", 5),
        ("sent", 5),
    ]


def test_a_request_goes_through_the_proxy(serving: Serving) -> None:
    text = ask(serving, "/learn/")[2]
    assert "gatewayserve --behind nginx" not in text
    tab, found = press(serving, "proxy")
    assert tab == "journey"
    assert found["interface"] == "asgi"
    assert "nginx" in ask(serving, "/settings/")[2]
    through = until(lambda: json.loads(ask(serving, f"/api/exchanges/{found['id']}/")[2])["proxy"])
    assert through["name"] == "nginx"
    assert "stood in front" in ask(serving, "/learn/")[2]
