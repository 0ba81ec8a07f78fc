"""Parts of CGI: when a process was started, which variables are passed on, what the adapters refuse and render."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cgi_serving import PROJECT, SERVERS, site
from django_gateway import servers
from django_gateway.interfaces import cgi_process
from django_gateway.servers import program
from django_gateway.servers.base import Launch, ServerError
from django_gateway.servers.cgi import passed_on, quoted, socket_path
from django_gateway.servers.options import Options
from django_gateway.stores import open_store
from django_gateway.workers.cgi import apply_changes
from serving import environment

MS = 1_000_000

BORN = """
import os, sys, time
from django_gateway.interfaces import cgi_process
step = cgi_process.step()
environ = {name: value for name, value in os.environ.items() if name == cgi_process.RECEIVED}
found = cgi_process.started(environ, step)
wall = time.time_ns() - (time.perf_counter_ns() - found[0]) if found else 0
print(wall, found and found[1], step[1])
"""


def born(received: str = "", **options: Any) -> tuple[int, str, int, int, int]:
    """When a process says that it was started, what it knows it from, its CPU time, and two instants around that."""
    before = time.time_ns()
    told = subprocess.run(
        [sys.executable, "-c", BORN], env=environment(GATEWAY_RECEIVED=received), text=True, check=True, **options
    )
    output = told.stdout or Path(options["stdout"].name).read_text()
    after = time.time_ns()
    wall, source, cpu = output.split()
    return int(wall), source, int(cpu), before, after


def test_start_of_a_process_as_the_kernel_tells_it() -> None:
    wall, source, cpu, before, after = born(stdout=subprocess.PIPE)
    assert source == "kernel"
    # The pipe was made just before, and the kernel's clock for that may be some milliseconds behind.
    assert before - 10 * MS <= wall <= after - cpu


def test_start_of_a_process_without_a_pipe(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as file:
        wall, source, cpu, before, after = born(stdout=file)
    assert source == "kernel"
    assert before - 15 * MS <= wall <= after - cpu


@pytest.mark.parametrize("spelled", ["microseconds", "seconds"])
def test_start_of_a_process_as_the_web_server_tells_it(spelled: str) -> None:
    received = time.time_ns()
    text = str(received // 1000) if spelled == "microseconds" else f"{received / 1e9:.6f}"
    wall, source, cpu, _, after = born(text, stdout=subprocess.PIPE)
    # The kernel knows better where the process was started a tick later than that.
    assert source in ("server", "kernel")
    assert received - MS <= wall <= after - cpu
    if source == "server":
        assert abs(wall - received) < MS


def test_a_start_that_cannot_be() -> None:
    later = str(time.time_ns() // 1000 + 3_600_000_000)
    assert born(later, stdout=subprocess.PIPE)[1] == "kernel"
    assert born("soon", stdout=subprocess.PIPE)[1] == "kernel"
    # Nothing is known: none of the bounds lies before the CPU time that was used.
    now = time.perf_counter_ns()
    assert cgi_process.started({}, (now, now)) is None


def test_changed_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONE", "yes")
    monkeypatch.setenv("KEPT", "yes")
    for name in ("EMPTY", "LINES"):
        monkeypatch.setenv(name, "before")
    changes = tmp_path / "environment"
    changes.write_text("GONE\0EMPTY=\0LINES=a=b\nc\0")
    apply_changes(str(changes))
    assert "GONE" not in os.environ
    assert (os.environ["KEPT"], os.environ["EMPTY"], os.environ["LINES"]) == ("yes", "", "a=b\nc")
    apply_changes(str(tmp_path / "nowhere"))


def test_variables_that_are_passed_on() -> None:
    given = {
        "DATABASE_URL": "x",
        "http_proxy": "http://ours",
        "PATH": "/bin",
        "REQUESTS_CA_BUNDLE": "x",
        "BASH_FUNC_x%%": "no name",
        "HTTP_PROXY": "the request's",
        "CONTENT_LENGTH": "the request's",
        "SCRIPT_NAME": "the request's",
        "GATEWAY_CHANNEL": "one process' own",
        "LISTEN_PID": "one process' own",
        "PWD": "one process' own",
    }
    assert list(passed_on(given)) == ["DATABASE_URL", "http_proxy", "PATH", "REQUESTS_CA_BUNDLE"]


def test_path_of_a_socket_that_is_too_long() -> None:
    assert socket_path(Path("/project/.gateway/apache"), "cgid.sock") == "/project/.gateway/apache/cgid.sock"
    assert socket_path(Path("/") / ("x" * 90), "cgid.sock") == "/proc/self/cwd/cgid.sock"


def test_strings_of_configurations() -> None:
    assert quoted('a "b" \\c') == '"a \\"b\\" \\\\c"'


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(workers=2), "leave --workers out"),
        (Options(threads=2), "leave --threads out"),
        (Options(https=True), "can't speak HTTPS"),
        (Options(unix="/x"), "can't serve on a Unix socket"),
    ],
)
def test_what_cgi_cannot_do(options: Options, said: str) -> None:
    with pytest.raises(ServerError, match=said):
        servers.get("embedded").check(options, "cgi")


def test_missing_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(program, "_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, package in (("lighttpd", "lighttpd"), ("apache", "apache2"), ("fcgiwrap", "fcgiwrap")):
        with pytest.raises(ServerError, match=f"is not installed. To install it: apt install {package}"):
            servers.get(name).version()
    # Then the embedded host serves.
    assert servers.choose(None, "cgi").name == "embedded"
    # What is there and does not say which version it is can't be used either.
    fake = tmp_path / "lighttpd"
    fake.write_text("#!/bin/sh\necho no number here >&2\n")
    fake.chmod(0o755)
    with pytest.raises(ServerError, match="says no version: no number here"):
        servers.get("lighttpd").version()


def test_which_interface_a_server_speaks() -> None:
    assert servers.interface_of(Options(server="lighttpd"), "wsgi") == "cgi"
    with pytest.raises(ServerError, match="lighttpd speaks CGI, not WSGI"):
        servers.choose("lighttpd", "wsgi")
    with pytest.raises(ServerError, match="Servers that speak CGI: apache, embedded, fcgiwrap, lighttpd"):
        servers.choose("gunicorn", "cgi")


@pytest.mark.parametrize("name", SERVERS)
def test_dry_run_shows_no_secret(name: str) -> None:
    launch = Launch(
        interface="cgi",
        options=Options(arguments=("-x",)),
        sockets=(7,),
        python=("python", "-P"),
        folder=Path("/project/.gateway") / name,
        environment={"DATABASE_URL": "secret", "HTTP_PROXY": "secret", "HOME": "/home/secret"},
        address=("::1", 8000),
        directory=Path("/a project"),
    )
    command = servers.get(name).command(launch)
    shown = "\n".join((*command.argv, *command.env.values(), *command.files.values()))
    assert "secret" not in shown
    assert command.argv[-1] == "-x", "what follows -- is for the web server"
    script = command.files[launch.folder / "gateway.cgi"]
    assert script.startswith("#!/bin/sh\n")
    assert "cd '/a project' && exec python -P -m django_gateway.workers.cgi /project/" in script
    configuration = "".join(text for path, text in command.files.items() if path.suffix == ".conf")
    if name != "embedded":
        assert "[::1]" in configuration
    if name in ("apache", "lighttpd"):
        assert "DATABASE_URL" in configuration
        assert "HTTP_PROXY" not in configuration


@pytest.mark.parametrize("server", SERVERS)
def test_folders_of_any_name_and_length(tmp_path: Path, server: str) -> None:
    folder = tmp_path / ("long" * 20) / "sp ace, \"é' #%;"
    folder.mkdir(parents=True)
    with site(server, folder) as found:
        assert found.serving.request("/json/?mark=folder")[0] == 200
        assert found.recorded("mark=folder").status == 200


SCRIPT = """
import json, os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([name for name in os.environ if "PROXY" in name]).encode()]
"""


def test_a_web_server_that_passes_the_proxy_header_on(tmp_path: Path) -> None:
    """What none of those that are driven here does: the script takes the variable out, and the exchange says so."""
    (tmp_path / "reader.py").write_text(SCRIPT)
    url = f"sqlite:///{tmp_path}/exchanges.sqlite3"
    variables = {
        "DJANGO_SETTINGS_MODULE": "testproject.settings",
        "PYTHONPATH": os.pathsep.join((str(tmp_path), str(PROJECT))),
        "GATEWAY_STORE": url,
        "GATEWAY_APPLICATION": "reader:application",
        "HTTP_PROXY": "http://evil",
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "QUERY_STRING": "token=secret",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    script = [sys.executable, "-m", "django_gateway.workers.cgi"]
    done = subprocess.run(script, env=environment(**variables), capture_output=True, check=True, timeout=60)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert head == b"Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2"
    assert body == b"[]"
    assert b'"GET /?token=secret HTTP/1.1" 200 2' in done.stderr
    store = open_store(url)
    (found,) = store.page()
    exchange = store.get(found.id)
    store.close()
    assert exchange is not None
    assert "cgi.httpoxy" in [event[0] for event in exchange.trail]
    assert "evil" not in str(exchange)
    assert "secret" not in str(exchange)
    assert exchange.server.name is None, "SERVER_SOFTWARE was not set"
