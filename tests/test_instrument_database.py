"""Database connections of an exchange: opened, found open, closed, left open, and in which thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import recorders

TESTS = Path(__file__).parent
Found = dict[str, Any]


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What ``connections_project`` recorded, request by request."""
    folder = tmp_path_factory.mktemp(request.param)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GATEWAY_", "DJANGO_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS), *sys.path])
    command = [*recorders.PYTHON[:1], str(TESTS / "connections_project.py"), request.param, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return {"interface": request.param, **json.loads(done.stdout)}


def test_a_connection_is_opened_and_closed_with_the_request(found: Found) -> None:
    (connection,) = found["asking"]
    assert (connection["alias"], connection["vendor"], connection["opened"]) == ("default", "sqlite", True)
    assert connection["thread"]
    assert connection["ms"] > 0
    assert connection["closed_ms"] >= connection["at_ms"] + connection["ms"]
    assert not connection["left_open"]


def test_conn_max_age_leaves_it_open_for_the_next(found: Found) -> None:
    (first,), (second,) = found["kept"], found["reused"]
    assert (first["opened"], first["left_open"], first["max_age"], first["closed_ms"]) == (True, True, 60, None)
    assert first["ms"] > 0
    assert (second["left_open"], second["max_age"]) == (True, 60)
    if found["interface"] == "wsgi":
        assert (second["opened"], second["ms"]) == (False, None)
        assert first["thread"] == second["thread"]
    else:
        # Django has a thread of its own for each request, so what is left open there is nobody's any more.
        assert second["opened"]
        assert first["thread"] != second["thread"]


def test_closed_by_the_view_and_opened_again_without_an_end(found: Found) -> None:
    first, second = found["for ever"]
    assert (first["opened"], first["left_open"]) == (found["interface"] == "asgi", False)
    assert first["closed_ms"] <= second["at_ms"]
    assert (second["opened"], second["left_open"], second["max_age"]) == (True, True, None)


def test_who_asks_nothing_has_none(found: Found) -> None:
    assert found["idle"] == found["idle beside an open one"] == []


def test_one_that_another_thread_opened_is_left_open(found: Found) -> None:
    """The leak of async views: Django closes what is open in the request's own thread."""
    if found["interface"] == "wsgi":
        assert "elsewhere" not in found
        return
    (leaked,), (closed,) = found["elsewhere"], found["sensitive"]
    assert (leaked["opened"], leaked["left_open"], leaked["max_age"], leaked["closed_ms"]) == (True, True, 0, None)
    assert (closed["opened"], closed["left_open"]) == (True, False)
    assert closed["closed_ms"] > closed["at_ms"]
    assert leaked["thread"] != closed["thread"]


def test_one_that_cannot_be_opened(found: Found) -> None:
    (connection,) = found["failing"]
    assert (connection["opened"], connection["exception"], connection["ms"]) == (True, "OperationalError", None)
    assert not connection["left_open"]
    assert all("django_gateway" not in str(file) for file in found["frames"])
