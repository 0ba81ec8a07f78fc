"""The panel mounted in a project, on servers with one place to work in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from panels import BEARER, SERVERS, TOKEN, MountedPanel

DEADLINE = 30.0


@pytest.fixture(params=list(SERVERS))
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MountedPanel]:
    project = MountedPanel(request.param, tmp_path)
    yield project
    project.close()


def exchanges(project: MountedPanel) -> Any:
    status, text = project.get("/__gateway__/api/exchanges/", BEARER)
    assert status == 200
    return json.loads(text)["exchanges"]


def test_it_shows_the_project_and_never_itself(project: MountedPanel) -> None:
    status, _ = project.get("/__gateway__/")
    assert status == 403
    assert project.get("/json/?colour=orange")[0] == 200
    end = time.monotonic() + DEADLINE
    while not (found := exchanges(project)):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert [(each["path"], each["status"]) for each in found] == [("/json/", 200)]
    status, page = project.get("/__gateway__/", {**BEARER, "Accept": "text/html"})
    assert status == 200
    assert "/json/?colour=orange" in page
    cursor = json.loads(project.get("/__gateway__/live/poll", BEARER)[1])["cursor"]
    assert project.get("/__gateway__/live/", BEARER)[0] == 409
    assert project.get(f"/__gateway__/exchanges/{found[0]['id']}/", BEARER)[0] == 200
    assert project.get("/about/")[0] == 200
    while True:
        news = json.loads(project.get(f"/__gateway__/live/poll?cursor={cursor}", BEARER)[1])["exchanges"]
        if news:
            break
        assert time.monotonic() < end
        time.sleep(0.05)
    assert [each["path"] for each in news] == ["/about/"]
    assert [each["path"] for each in exchanges(project)] == ["/about/", "/json/"]


def test_rebinding_finds_nobody_though_the_project_answers_to_all(project: MountedPanel) -> None:
    assert project.get("/json/", {"Host": "rebound.example.org"})[0] == 200
    assert project.get("/__gateway__/", {**BEARER, "Host": "rebound.example.org"})[0] == 403


@pytest.mark.parametrize("server", list(SERVERS))
def test_without_debug_there_is_nothing(server: str, tmp_path: Path) -> None:
    project = MountedPanel(server, tmp_path, DJANGO_DEBUG="0")
    try:
        for address in ("", "api/exchanges/", "live/", "live/poll", f"?token={TOKEN}", "clear/", "assets/x/list.css"):
            assert project.get(f"/__gateway__/{address}", BEARER)[0] == 404
        assert project.get("/json/")[0] == 200
    finally:
        project.close()
