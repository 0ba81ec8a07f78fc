"""A worker is killed at a known point of a request's life: the exchange is kept, with the last event it reached."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from killed_project import killed
from panels import TOKEN
from serving import DEADLINE, Serving, Site, until

#: Paths that end a worker, and the last event that is to be told: none at all, or its name and some of its fields.
WSGI: dict[str, dict[str, Any] | None] = {
    "/application/": None,
    "/signal/": {"name": "django.signal.started", "signal": "request_started"},
    "/first-middleware/": {"name": "django.middleware.started", "middleware": "mysite.points.Outer"},
    "/later-middleware/": {"name": "django.middleware.started", "middleware": "mysite.points.Inner"},
    "/converter/1/": {"name": "django.resolver.started"},
    "/process-view/": {
        "name": "django.hook.started",
        "middleware": "mysite.points.Inner",
        "hook": "process_view",
    },
    "/view/": {"name": "django.view.started", "view": "mysite.points.view", "mode": "sync"},
    "/async-to-sync/": {
        "name": "crossing.under_way",
        "direction": "to_loop",
        "function": "mysite.points.async_to_sync_view.<locals>.coroutine",
    },
    "/template/": {"name": "django.template.started", "template": "deadly.html"},
    "/way-out/": {
        "name": "django.middleware.finished",
        "middleware": "django.middleware.security.SecurityMiddleware",
    },
    "/streamed/": {"name": "wsgi.body"},
    "/close/": {"name": "wsgi.close"},
    "/exits/": {"name": "django.view.started", "view": "mysite.points.exits"},
    "/segfault/": {"name": "django.view.started", "view": "mysite.points.segfault"},
}
ASGI: dict[str, dict[str, Any] | None] = {
    "/application/": {"name": "asgi.entered", "application": "channels.routing.ProtocolTypeRouter"},
    "/first-middleware/": {"name": "django.middleware.started", "middleware": "mysite.points.Outer"},
    "/process-view/": {
        "name": "crossing.under_way",
        "direction": "to_thread",
        "function": "mysite.points.Inner.process_view",
    },
    "/view/": {"name": "django.view.started", "view": "mysite.points.view", "mode": "sync"},
    "/async-view/": {"name": "django.view.started", "view": "mysite.points.async_view", "mode": "async"},
    "/crossing/": {
        "name": "crossing.under_way",
        "direction": "to_thread",
        "function": "mysite.points.in_thread",
    },
    "/template/": {"name": "django.template.started", "template": "deadly.html"},
    "/way-out/": {"name": "django.middleware.finished"},
    "/async-streamed/": {"name": "http.response.body"},
    "/segfault/": {"name": "django.view.started", "view": "mysite.points.segfault"},
}
ANSWERED = {"/streamed/", "/close/", "/async-streamed/"}


class Served:
    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    def panel(self, path: str) -> str:
        address = self.serving.panel_url.partition("?")[0].rstrip("/")
        with urlopen(Request(address + path, headers={"Authorization": f"Bearer {TOKEN}"}), timeout=DEADLINE) as answer:
            return str(answer.read().decode())

    def interrupted(self, path: str) -> list[dict[str, Any]]:
        rows = json.loads(self.panel("/api/exchanges/?q=state:interrupted"))["exchanges"]
        return [row for row in rows if row["path"] == path]

    def the_only_one(self, path: str) -> dict[str, Any]:
        (row,) = until(lambda: self.interrupted(path), f"{path} is not told as interrupted")
        document: dict[str, Any] = json.loads(self.panel(f"/api/exchanges/{row['id']}/"))
        return document


def served(folder: Path, *arguments: str, **more: str) -> Iterator[Served]:
    site = killed(Site(folder))
    arguments = (*arguments, "--noreload", "--skip-checks")
    with Serving(site.folder, *arguments, panel=True, GATEWAY_PANEL_TOKEN=TOKEN, **more) as serving:
        yield Served(serving)


@pytest.fixture(scope="module")
def wsgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from served(tmp_path_factory.mktemp("wsgi"), "--wsgi", "--server", "gunicorn", "--workers", "2")


@pytest.fixture(scope="module")
def asgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from served(tmp_path_factory.mktemp("asgi"), "--asgi", "--server", "gunicorn", "--workers", "2")


def ends(served: Served, path: str) -> None:
    """Send the request to a worker. While none lives gatewayserve itself answers."""

    def reached() -> bool:
        with suppress(http.client.HTTPException, OSError):
            return served.serving.request(path)[0] != 503
        return True

    until(reached, f"no worker has seen {path}")


def check(document: dict[str, Any], last: dict[str, Any] | None) -> None:
    assert document["state"] == "interrupted"
    assert document["duration_ms"] is None
    found = document["last_event"]
    if last is None:
        assert found is None
        assert document["events"] == []
    else:
        assert found is not None
        assert {key: found.get(key) for key in last} == last
        assert found["at_ms"] >= 0
        assert found in document["events"]


@pytest.mark.parametrize("path", WSGI)
def test_wsgi(wsgi: Served, path: str) -> None:
    ends(wsgi, path)
    document = wsgi.the_only_one(path)
    check(document, WSGI[path])
    assert (document["interface"], document["method"], document["server"]["name"]) == ("wsgi", "GET", "gunicorn")
    assert document["status"] == (200 if path in ANSWERED else None)


@pytest.mark.parametrize("path", ASGI)
def test_asgi(asgi: Served, path: str) -> None:
    ends(asgi, path)
    document = asgi.the_only_one(path)
    check(document, ASGI[path])
    assert (document["interface"], document["method"], document["server"]["name"]) == ("asgi", "GET", "gunicorn")
    assert document["status"] == (200 if path in ANSWERED else None)


def test_a_consumer_that_receives(asgi: Served) -> None:
    address = f"ws://{asgi.serving.host}:{asgi.serving.port}/talk/"
    with connect(address, open_timeout=DEADLINE) as socket, suppress(ConnectionClosed):
        socket.send("anything")
        socket.recv(DEADLINE)
    document = asgi.the_only_one("/talk/")
    check(
        document, {"name": "channels.dispatch.started", "handler": "websocket_receive", "consumer": "mysite.asgi.Talk"}
    )
    assert (document["type"], document["status"]) == ("websocket", 101)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Gunicorn gives up a worker after this many seconds: SIGABRT first, then SIGKILL."""
    yield from served(
        tmp_path_factory.mktemp("impatient"),
        "--wsgi",
        "--server",
        "gunicorn",
        "--workers",
        "2",
        GUNICORN_CMD_ARGS="--timeout 5",
    )


def test_a_worker_that_its_server_gives_up_tells_where_it_was(impatient: Served) -> None:
    ends(impatient, "/hangs/")

    def told() -> list[dict[str, Any]]:
        rows = json.loads(impatient.panel("/api/exchanges/"))["exchanges"]
        return [row for row in rows if row["path"] == "/hangs/" and row["state"] != "in_flight"]

    (row,) = until(told, "it is not told")
    document = json.loads(impatient.panel(f"/api/exchanges/{row['id']}/"))
    assert document["exception"]["type"].endswith("SystemExit")
    assert "hangs" in [frame["function"] for frame in document["exception"]["frames"]]


def test_a_worker_that_hears_no_signal_is_killed_and_told_with_its_stack(impatient: Served) -> None:
    ends(impatient, "/deaf/")
    document = impatient.the_only_one("/deaf/")
    check(document, {"name": "django.view.started", "view": "mysite.points.deaf"})
    assert [frame["function"] for frame in document["stack"]][-1] == "deaf"
    assert document["handover"] is not None, "it lasted long enough to be kept whole"


def test_the_panel_says_where_it_was(wsgi: Served) -> None:
    ends(wsgi, "/view/?secret=planted")
    row = until(lambda: wsgi.interrupted("/view/"))[0]
    assert row["query"] == ""
    page = wsgi.panel(f"/exchanges/{row['id']}/")
    assert f"Process {row['pid']} ended before it answered." in page
    assert "it entered the view" in page
    assert "mysite.points.view" in page
    assert "planted" not in page
    assert "interrupted" in wsgi.panel("/")


def test_what_is_finished_stays_finished(wsgi: Served) -> None:
    until(lambda: wsgi.serving.request("/alive/")[0] == 200)
    ends(wsgi, "/exits/?again")
    until(lambda: len(wsgi.interrupted("/exits/")) >= 1)
    assert wsgi.interrupted("/alive/") == []


@pytest.fixture
def cgi(tmp_path: Path) -> Iterator[Served]:
    yield from served(tmp_path / "cgi", "--cgi")


def test_a_cgi_process(cgi: Served) -> None:
    flight = cgi.serving.folder / ".gateway" / "exchanges.sqlite3-flight"
    assert cgi.serving.get("/alive/") == "alive"
    until(lambda: list(flight.iterdir()) == [], "a process that ended in peace left its file")
    ends(cgi, "/template/")
    check(cgi.the_only_one("/template/"), {"name": "django.template.started", "template": "deadly.html"})
    ends(cgi, "/application/")
    check(cgi.the_only_one("/application/"), {"name": "cgi.application.loaded"})
    until(lambda: list(flight.iterdir()) == [], "what was told is still there")
