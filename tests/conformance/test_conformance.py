"""One list of requests over every server: what it hands over and what it sends back, against what the client did.

Where a server differs, ``django_gateway/servers/deviations.toml`` says how; a difference that is not written there
fails here, and so does one that is written there and is gone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance import project
from conformance.cases import CASES, Case, Facts
from conformance.client import PATIENCE
from django_gateway import servers
from django_gateway.cut_short import cut_short
from django_gateway.exchange import IN_FLIGHT
from django_gateway.servers import deviations
from django_gateway.stores import open_store
from serving import Serving, listens, until

#: What is typed for each server, in each way in which it can run.
VARIANTS = {
    "django/wsgi": "--wsgi --server django",
    "gunicorn/wsgi": "--wsgi --server gunicorn",
    "gunicorn/wsgi threads": "--wsgi --server gunicorn --threads 4",
    "uwsgi/wsgi": "--server uwsgi",
    "waitress/wsgi": "--server waitress",
    "granian/wsgi": "--wsgi --server granian",
    "cheroot/wsgi": "--server cheroot",
    "mod_wsgi/wsgi": "--server mod_wsgi",
    "daphne/asgi": "--server daphne",
    "uvicorn/asgi": "--server uvicorn",
    "hypercorn/asgi": "--server hypercorn",
    "granian/asgi": "--asgi --server granian",
    "gunicorn/asgi": "--asgi --server gunicorn",
    "apache/cgi": "--server apache",
    "embedded/cgi": "--server embedded",
    "fcgiwrap/cgi": "--server fcgiwrap",
    "lighttpd/cgi": "--server lighttpd",
}
#: Under CGI a web server is recorded by the name that it gives itself.
NAMES = {"fcgiwrap": "nginx", "embedded": "gatewayserve"}


@dataclass
class Run:
    server: str
    interface: str
    serving: Serving
    store: Any

    def recorded(self, case: Case) -> Facts:
        """What the exchange says, once it is there."""
        mark = f"case={case.name}"
        found = until(
            lambda: [one for one in self.store.page() if one.query.split("&")[-1] == mark and one.state != IN_FLIGHT],
            "it was not recorded",
        )
        exchange = self.store.get(found[0].id)
        return {
            "recorded.method": exchange.method,
            "recorded.path": exchange.path,
            "recorded.query": exchange.query.removesuffix(mark).removesuffix("&"),
            "recorded.status": exchange.status,
            "recorded.state": exchange.state,
            "recorded.cut_short": [step.event for step in cut_short(exchange)],
            "recorded.received": exchange.sizes.request_bytes,
            "recorded.sent": exchange.sizes.body_bytes,
            "recorded.exception": exchange.failure and exchange.failure.type,
            "recorded.interface": exchange.interface,
            "recorded.server": (exchange.server.name or "").lower().partition(" ")[0],
        }


@pytest.fixture(scope="module", params=list(VARIANTS))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    key = request.param.partition(" ")[0]
    server, interface = key.split("/")
    if server == "mod_wsgi" and sys.version_info[:2] != (3, 11):
        pytest.skip("Debian's module embeds Debian's Python 3.11")
    site = project.make(tmp_path_factory.mktemp("site"))
    # A process for each request is quicker where the bytecode of what it imports is kept.
    with Serving(site.folder, *VARIANTS[request.param].split(), "--noreload", PYTHONDONTWRITEBYTECODE="") as serving:
        until(lambda: listens(serving))
        assert serving.request("/empty/")[0] == 204
        store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
        yield Run(server, interface, serving, store)
        store.close()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_server(run: Run, case: Case) -> None:
    expected: dict[str, Any] = {
        **case.expected,
        "recorded.interface": run.interface,
        "recorded.server": NAMES.get(run.server, run.server),
    }
    expected |= case.asgi if run.interface == "asgi" else case.wsgi
    expected |= deviations.of(run.server, run.interface, case.name)
    patience = 30.0 if run.interface == "cgi" else PATIENCE
    seen = case.run(run.serving.host, run.serving.port, run.serving.folder, patience)
    seen |= run.recorded(case)
    assert {name: seen.get(name) for name in expected} == expected


def test_every_server_is_here() -> None:
    spoken = {f"{name}/{interface}" for name in servers.names() for interface in servers.get(name).interfaces}
    assert {variant.partition(" ")[0] for variant in VARIANTS} == spoken


def test_deviations_are_of_servers_and_cases_that_exist() -> None:
    known = {variant.partition(" ")[0] for variant in VARIANTS}
    for deviation in deviations.load():
        assert set(deviation.servers) <= known
        assert deviation.case in {case.name for case in CASES}
        assert deviation.text


def test_reference_shows_the_deviations() -> None:
    page = Path(__file__).parents[2] / "docs/reference/servers.md"
    assert deviations.markdown() in page.read_text(encoding="utf-8"), deviations.markdown()
