"""What gatewayserve refuses, with one clear message and before anything is started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Site, environment


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refused(site: Site, *arguments: str, code: int = 1, **more: str) -> str:
    result = subprocess.run(
        [sys.executable, "manage.py", "gatewayserve", *arguments],
        cwd=site.folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == code, result
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr.removeprefix("CommandError: ").strip()


def test_a_port_that_is_taken_says_by_whom_and_what_to_do(site: Site, taken: int) -> None:
    message = refused(site, str(taken))
    assert message.startswith(f"Port {taken} is taken by process {os.getpid()} (")
    assert "End it, or take another port: manage.py gatewayserve " in message
    assert refused(site, "0", "--panel", str(taken)).startswith(f"Port {taken} is taken by process {os.getpid()} (")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "'nonsense' is no port and no address:port. Examples: 8000, 0.0.0.0:8000, [::1]:8000."),
        (["70000"], "'70000': ports go up to 65535."),
        (["1.2.3:8000"], "'1.2.3' is no IPv4 address."),
        (["[::zz]:8000"], "'[::zz]:8000' is no port and no address:port."),
        (["-6", "127.0.0.1:8000"], "'127.0.0.1' is no IPv6 address."),
        (["192.0.2.77:0"], "192.0.2.77 is not an address of this machine."),
        (["no-such-name.invalid:0"], "The name 'no-such-name.invalid' has no IPv4 address"),
        (["0", "--panel", "nonsense"], "'nonsense' is no port and no address:port."),
        (["--server", "nonsense"], "There is no server called 'nonsense'. Known servers: "),
        (["--server", "daphne", "--wsgi"], "Daphne speaks ASGI, not WSGI. Servers that speak WSGI: "),
        (["--threads", "4"], "Django's own server takes a thread for each connection: --threads can be 1 or left out."),
        (["--asgi", "--threads", "4"], "Daphne has no setting for threads: leave --threads out."),
        (["--application", "nonsense"], "'nonsense' is no application: it takes the form module.attribute."),
    ],
)
def test_messages(site: Site, arguments: list[str], message: str) -> None:
    said = refused(site, *arguments)
    assert said.startswith(message)
    assert "\n" not in said


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--workers", "0"], ["--workers", "many"]])
def test_arguments(site: Site, arguments: list[str]) -> None:
    message = refused(site, *arguments, code=2)
    assert "gatewayserve: error: " in message


def test_settings(tmp_path: Path) -> None:
    site = Site(tmp_path)
    whole = site.read("mysite/settings.py")
    site.settings("GATEWAY = {'SERVE': {'PORT': 8000}}")
    assert refused(site).startswith("GATEWAY['SERVE']['PORT'] is not a setting. The keys are ADDRESS, ")
    site.write("mysite/settings.py", f"{whole}\nGATEWAY = {{'SERVE': {{'WORKERS': '2'}}}}\n")
    assert refused(site) == "GATEWAY['SERVE']['WORKERS'] is '2'. It takes a whole number above 0."
    site.write("mysite/settings.py", f"{whole}\nDEBUG = False\n")
    assert refused(site).startswith("ALLOWED_HOSTS has to be set")


def test_a_folder_that_cannot_be_made(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "can't be made" in refused(site, "0", GATEWAY_FOLDER=str(tmp_path / "file/.gateway"))


def test_dry_run_prints_what_would_be_started_and_starts_nothing(tmp_path: Path, taken: int) -> None:
    site = Site(tmp_path / "site")
    result = subprocess.run(
        [sys.executable, "manage.py", "gatewayserve", str(taken), "--asgi", "--dry-run", "--", "--ping-interval", "9"],
        cwd=site.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "-m django_gateway.workers.daphne --fd 3 --ping-interval 9" in result.stdout
    assert "-m django_gateway.panel --fd 3 --store sqlite:///" in result.stdout
    assert not (tmp_path / "site/.gateway").exists()
