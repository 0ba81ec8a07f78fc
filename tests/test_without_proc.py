"""On a system without /proc all else works, and the panel says what is missing."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

import factories
from django_gateway import clocks
from django_gateway.clocks import ThreadClock
from django_gateway.exchange import INTERRUPTED, Scheduler
from django_gateway.panel.topology import processes, sockets
from django_gateway.panel.views import exchange, topology
from django_gateway.stores import Capacity, liveness
from django_gateway.stores.memory import MemoryStore
from django_gateway.workers import group
from exchange_pages import page, text_of
from hidden_proc import without_proc
from panels import BEARER, TOKEN, installed
from serving import DEADLINE, Serving, Site, until

NO_PROCESSES = "This system has no /proc, so it does not tell which processes run"
NO_READY = "How long it was ready and waited for a processor is not known"
NO_PROC = "This system has no /proc: which processes and sockets there are is not known"
PAGES = ("/", "/topology/", "/settings/", "/routes/", "/learn/", "/compare/", "/api/exchanges/")


# A whole system without it


class Served:
    """gatewayserve, its workers and its panel, all of them without /proc."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    def panel(self, path: str) -> str:
        status, text = self.answer(path)
        assert status == 200, (path, status, text)
        return text

    def answer(self, path: str) -> tuple[int, str]:
        address = urlsplit(self.serving.panel_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=DEADLINE)
        try:
            connection.request("GET", path, headers={**BEARER, "Accept": "text/html, application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def recorded(self, path: str, state: str = "finished") -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            rows = json.loads(self.panel("/api/exchanges/"))["exchanges"]
            return next((row for row in rows if row["path"] == path and row["state"] == state), None)

        row = until(found, f"{path} was not recorded as {state}")
        assert row is not None
        document: dict[str, Any] = json.loads(self.panel(f"/api/exchanges/{row['id']}/"))
        return document


@pytest.fixture(scope="module", params=["--wsgi", "--asgi"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    site = Site(tmp_path_factory.mktemp("site"))
    serving = Serving(site.folder, request.param, "--skip-checks", panel=True, GATEWAY_PANEL_TOKEN=TOKEN)
    serving.command = [*without_proc(), *serving.command]
    with serving:
        assert serving.get("/interface/") == request.param.removeprefix("--")
        yield Served(serving)


def test_it_serves_and_records(served: Served) -> None:
    assert served.serving.get("/slow/") == "one"
    document = served.recorded("/slow/")
    assert document["status"] == 200
    assert document["view"]["name"] == "mysite.views.slow"
    assert document["middleware"]
    if document["interface"] == "wsgi":
        scheduler = document["scheduler"]
        assert scheduler["ready_ms"] is None
        assert scheduler["sleeping_ms"] >= 900
        assert (scheduler["voluntary"], scheduler["involuntary"]) == (None, None)
    else:
        assert document["loop"]["suspended_ms"] >= 900
        assert document["loop"]["lag_ms"] is not None


def test_every_page_answers_and_says_what_is_missing(served: Served) -> None:
    served.serving.get("/version/")
    served.serving.get("/slow/")
    document = served.recorded("/slow/")
    texts = {path: text_of(served.panel(path)) for path in PAGES if not path.startswith("/api/")}
    assert NO_PROCESSES in texts["/topology/"]
    assert NO_PROC in texts["/settings/"]
    where = f"/exchanges/{document['id']}/"
    told = {tab.key: text_of(served.panel(f"{where}?tab={tab.key}")) for tab in exchange.TABS}
    assert (NO_READY in told["threads"]) == (document["interface"] == "wsgi")


def test_a_worker_that_died_is_seen(served: Served) -> None:
    with pytest.raises((http.client.HTTPException, OSError)):
        served.serving.get("/die/")
    assert served.recorded("/die/", INTERRUPTED)["state"] == INTERRUPTED


# In this process, with the paths led elsewhere


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "proc"
    for module in (processes, topology):
        monkeypatch.setattr(module, "PROC", gone)
    monkeypatch.setattr(sockets, "NET", gone / "net")
    for module in (liveness, group):
        monkeypatch.setattr(module, "_PROC", str(gone))
    monkeypatch.setattr(clocks, "_TIMES", str(gone / "thread-self/schedstat"))


@pytest.fixture
def program(nowhere: None, tmp_path: Path) -> Iterator[tuple[Client, MemoryStore]]:
    store = MemoryStore(Capacity())
    with installed(store, tmp_path) as client:
        yield client, store


def test_with_paths_that_lead_nowhere_every_page_answers(program: tuple[Client, MemoryStore]) -> None:
    client, store = program
    unknown = factories.wsgi_page(scheduler=Scheduler(1_000_000, None, 9_000_000, None, None))
    known = factories.wsgi_page(scheduler=Scheduler(1_000_000, 500_000, 9_000_000, 1, 0))
    factories.keep(store, unknown, known, factories.asgi_page(), factories.in_flight())
    for path in PAGES:
        assert client.get(path).status_code == 200
    assert NO_PROCESSES in text_of(client.get("/topology/").content.decode())
    assert NO_PROC in text_of(client.get("/settings/").content.decode())
    assert NO_READY in text_of(page(client, unknown, "threads"))
    assert NO_READY not in text_of(page(client, known, "threads"))


def test_with_paths_that_lead_nowhere_time_is_measured(nowhere: None) -> None:
    clock = ThreadClock()
    start = clock.start()
    time.sleep(0.02)
    scheduler = clock.since(start)
    assert scheduler is not None
    assert scheduler.sleeping >= 15_000_000
    assert (scheduler.ready, scheduler.voluntary, scheduler.involuntary) == (None, None, None)


def test_with_paths_that_lead_nowhere_a_group_ends_at_once(nowhere: None) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert list(group.others()) == []
        group.end(signal.SIGTERM, 60)
        assert child.poll() is None
        child.kill()


def test_where_there_is_a_proc_nothing_is_said_to_be_missing(tmp_path: Path) -> None:
    with installed(MemoryStore(Capacity()), tmp_path, supervisor=2**22 + 1) as client:
        topology_page = text_of(client.get("/topology/").content.decode())
        assert "The process that started the panel has ended." in topology_page
        assert NO_PROCESSES not in topology_page
        assert NO_PROC not in text_of(client.get("/settings/").content.decode())
