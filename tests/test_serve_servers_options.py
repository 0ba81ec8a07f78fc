"""Each server under gatewayserve: the options that all of them share."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest

from every_server import EVERY, UnixConnection, every, get_from, recorded, refused, short_folder, those
from serving import Serving, Site, environment, until


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@every
def test_workers_and_the_request_log(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments, "--workers", "2") as serving:
        seen: set[str] = set()

        def both() -> bool:
            seen.add(serving.get("/who/"))
            return len(seen) == 2

        until(both)
        interface = serving.get("/interface/?a=%C3%A9")
        serving.wait_for('"GET /interface/?a=%C3%A9 HTTP/1.1" 200 4')
        assert serving.request("/nowhere/")[0] == 404
        serving.wait_for('"GET /nowhere/ HTTP/1.1" 404')
        assert serving.output.count("/interface/") == 1
        exchange = recorded(site, "/interface/")
        assert exchange.interface == interface
        assert exchange.server.name == arguments[arguments.index("--server") + 1]
        assert exchange.server.version


@pytest.mark.parametrize("arguments", those("unix"), ids=" ".join)
def test_unix_socket_in_place_of_a_stale_one(site: Site, arguments: list[str]) -> None:
    with short_folder() as folder:
        path = f"{folder}/socket"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        with Serving(site.folder, *arguments, "--unix", path, port="") as serving:
            assert serving.url == f"unix:{path}"
            assert get_from(UnixConnection(path), "/version/") == "one"
            site.edit("mysite/views.py", '"one"', '"two"')
            until(lambda: get_from(UnixConnection(path), "/version/") == "two")
            retired = "the old workers are still there"
            until(lambda: len({child.pid for child in serving.family()}) >= 1, retired)
            assert get_from(UnixConnection(path), "/version/") == "two"
            assert f"Somebody listens on {path} already" in refused(site.folder, *arguments, "--unix", path)
        assert not Path(path).exists()


def test_what_follows_two_dashes_goes_to_the_server(site: Site) -> None:
    with Serving(site.folder, "--server", "uvicorn", "--", "--header", "X-From: uvicorn") as serving:
        connection = serving.connect()
        connection.request("GET", "/version/")
        assert connection.getresponse().getheader("X-From") == "uvicorn"
        connection.close()


def test_dry_run_prints_what_would_be_started(site: Site) -> None:
    for each in EVERY.values():
        said = subprocess.run(
            [*Serving(site.folder).command[:3], "--dry-run", *each.split(), "--", "--some-option"],
            cwd=site.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        name = each.split()[each.split().index("--server") + 1]
        assert re.search(rf"^GATEWAY_SERVER={name}/[\d.a-z]+ \\$", said, re.MULTILINE)
        assert re.search(rf"^\S+ .*-m django_gateway\.workers\.{name} .*--some-option", said, re.MULTILINE)
    assert not Path(site.folder, ".gateway").exists()
