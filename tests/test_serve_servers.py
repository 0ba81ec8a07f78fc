"""Each server under gatewayserve: the options that all of them share, reload, and what goes wrong."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from django_gateway import servers
from django_gateway.servers.base import Server, ServerError
from django_gateway.stores import open_store
from serving import Serving, Site, Stream, alive, environment, listens, until

EVERY = {
    "cheroot": "--server cheroot",
    "gunicorn": "--wsgi --server gunicorn",
    "gunicorn-threads": "--server gunicorn --threads 4",
    "gunicorn-asgi": "--asgi --server gunicorn",
    "granian": "--wsgi --server granian",
    "granian-asgi": "--asgi --server granian",
    "hypercorn": "--server hypercorn",
    "uvicorn": "--server uvicorn",
    "uwsgi": "--server uwsgi",
    "waitress": "--server waitress",
}
every = pytest.mark.parametrize(
    "arguments", [pytest.param(each.split(), marks=pytest.mark.slow) for each in EVERY.values()], ids=list(EVERY)
)


def those(option: str) -> list[list[str]]:
    """The command lines of servers that have a common option."""
    found = [each.split() for each in EVERY.values()]
    return [each for each in found if option in servers.get(each[each.index("--server") + 1]).can]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


def get_from(connection: http.client.HTTPConnection, path: str) -> str:
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200
        return response.read().decode()
    finally:
        connection.close()


@contextmanager
def short_folder() -> Iterator[str]:
    """A folder whose path leaves room in a Unix socket's address, which pytest's may not."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gw") as folder:
        yield folder


def refused(folder: Path, *arguments: str) -> str:
    """What it says in place of serving."""
    done = subprocess.run(
        [*Serving(folder).command[:3], "--nopanel", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    return done.stderr


# Reload, and the end


@every
def test_reload_refuses_no_connection(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments) as serving, Stream(serving, "/version/") as stream:
        until(lambda: stream.count("one") > 5)
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: stream.count("two") > 5)
        site.edit("mysite/views.py", '"two"', '"three"')
        until(lambda: stream.count("three") > 5)


@every
def test_children_end_with_a_supervisor_that_is_killed(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments, "--workers", "2") as serving:
        serving.get("/version/")
        assert serving.end(signal.SIGKILL) == -signal.SIGKILL


@every
def test_control_c_lets_a_request_finish(site: Site, arguments: list[str]) -> None:
    site.edit("mysite/views.py", "    time.sleep(1)", "    open('entered', 'w').close()\n    time.sleep(1)")
    with Serving(site.folder, *arguments) as serving:
        connection = serving.connect()
        connection.request("GET", "/slow/")
        until(Path(site.folder, "entered").exists)
        code: list[int] = []
        ending = threading.Thread(target=lambda: code.append(serving.end(signal.SIGINT)))
        ending.start()
        assert connection.getresponse().read() == b"one"
        connection.close()
        ending.join(60)
        assert code == [0]


@every
def test_a_project_that_cannot_be_loaded_is_served_once_it_can(site: Site, arguments: list[str]) -> None:
    views = site.read("mysite/views.py")
    site.write("mysite/views.py", "import nowhere_to_be_found\n")
    with Serving(site.folder, *arguments) as serving:
        serving.wait_for("ModuleNotFoundError: No module named 'nowhere_to_be_found'")
        status, body = serving.request("/version/")
        assert status == 503
        assert "nowhere_to_be_found" in body
        site.write("mysite/views.py", views)
        until(lambda: serving.request("/version/") == (200, "one"))


@every
def test_a_worker_that_dies_again_and_again_is_waited_for(site: Site, arguments: list[str]) -> None:
    views = site.read("mysite/views.py")
    site.write("mysite/views.py", "import os\nos._exit(7)\n")
    with Serving(site.folder, *arguments) as serving:
        serving.wait_for("times now. Next try in")
        site.write("mysite/views.py", views)
        until(lambda: serving.request("/version/") == (200, "one"))


@every
def test_a_worker_that_dies_while_it_serves_is_replaced(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments) as serving:
        before = serving.get("/who/")
        with pytest.raises((http.client.HTTPException, OSError)):
            serving.request("/die/")
        until(lambda: not alive_pid(int(before)))
        until(lambda: serving.request("/version/") == (200, "one"))


def alive_pid(pid: int) -> bool:
    try:
        return alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="Debian's mod_wsgi embeds Debian's Python 3.11")
def test_mod_wsgi(site: Site) -> None:
    with Serving(site.folder, "--server", "mod_wsgi", "--workers", "2") as serving:
        until(lambda: listens(serving))
        assert serving.get("/interface/") == "wsgi"
        serving.wait_for('"GET /interface/ HTTP/1.1" 200 4')
        with Stream(serving, "/version/") as stream:
            until(lambda: stream.count("one") > 5)
            site.edit("mysite/views.py", '"one"', '"two"')
            until(lambda: stream.count("two") > 5)
        views = site.read("mysite/views.py")
        site.write("mysite/views.py", "import nowhere_to_be_found\n")
        serving.wait_for("ModuleNotFoundError: No module named 'nowhere_to_be_found'")
        site.write("mysite/views.py", views)
        until(lambda: listens(serving) and serving.request("/version/") == (200, "two"))
        assert serving.end(signal.SIGKILL) == -signal.SIGKILL


# Options


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
        store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
        found = until(lambda: [one for one in store.page() if one.path == "/interface/"])[0]
        recorded = store.get(found.id)
        store.close()
        assert recorded is not None
        assert recorded.interface == interface
        assert recorded.server.name == arguments[arguments.index("--server") + 1]
        assert recorded.server.version


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


@pytest.mark.parametrize("arguments", those("https"), ids=" ".join)
def test_https(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments, "--https") as serving:
        assert serving.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=f"{site.folder}/.gateway/certificates/authority.pem")
        for host in ("127.0.0.1", "localhost"):
            connection = http.client.HTTPSConnection(host, serving.port, timeout=30, context=trusting)
            assert get_from(connection, "/version/") == "one"
        trusting.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", serving.port)) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            spoken = secure.selected_alpn_protocol()
        server = arguments[arguments.index("--server") + 1]
        assert spoken == ("h2" if server in ("gunicorn", "granian", "hypercorn") else spoken)
    key = Path(f"{site.folder}/.gateway/certificates/key.pem")
    assert key.stat().st_mode & 0o077 == 0


def test_https_while_the_project_cannot_be_loaded(site: Site) -> None:
    site.write("mysite/views.py", "import nowhere_to_be_found\n")
    with Serving(site.folder, "--server", "uvicorn", "--https") as serving:
        serving.wait_for("Waiting for a change.")
        trusting = ssl.create_default_context(cafile=f"{site.folder}/.gateway/certificates/authority.pem")
        connection = http.client.HTTPSConnection("localhost", serving.port, timeout=30, context=trusting)
        connection.request("GET", "/version/")
        response = connection.getresponse()
        assert response.status == 503
        assert b"nowhere_to_be_found" in response.read()
        connection.close()


@pytest.mark.parametrize(
    "arguments", ["--wsgi --server gunicorn", "--server waitress", "--server uwsgi", "--wsgi --server granian"]
)
def test_an_application_that_is_not_djangos(site: Site, arguments: str) -> None:
    site.write(
        "hello.py", "def hello(environ, start_response):\n    start_response('200 OK', [])\n    return [b'hello']\n"
    )
    with Serving(site.folder, *arguments.split(), "--application", "hello:hello") as serving:
        assert serving.get("/anything/") == "hello"
        store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
        found = until(lambda: [one for one in store.page() if one.path == "/anything/"])[0]
        assert found.status == 200
        store.close()


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


# Refusals


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--server uvicorn --threads 2", "uvicorn has no setting for threads"),
        ("--server hypercorn --threads 2", "Hypercorn has no setting for threads"),
        ("--asgi --server gunicorn --threads 2", "Gunicorn's worker for ASGI has no setting for threads"),
        ("--asgi --server granian --threads 2", "Granian runs ASGI applications in one thread"),
        ("--server waitress --https", "Waitress can't speak HTTPS here"),
        ("--server uwsgi --https", "uWSGI can't speak HTTPS here"),
        ("--wsgi --https", "Django's own server can't speak HTTPS here"),
        ("--wsgi --unix here.sock", "Django's own server can't serve on a Unix socket"),
        ("--wsgi --server uvicorn", "uvicorn speaks ASGI, not WSGI"),
        ("--asgi --server waitress", "Waitress speaks WSGI, not ASGI"),
        ("--server unknown", "There is no server called 'unknown'"),
        ("--server gunicorn --unix manage.py", "manage.py is there already, and is no socket"),
        ("--server gunicorn --unix " + "x" * 120, "too long for a Unix socket"),
        ("--server gunicorn --unix none/here", "No such file or directory"),
        ("--server gunicorn --unix here.sock 8000", "--unix takes the place of an address"),
        ("--server gunicorn --key manage.py", "--key goes with --cert"),
        ("--server gunicorn --cert nowhere.pem", "nowhere.pem can't be read"),
        ("--server gunicorn --cert manage.py", "is no certificate"),
    ],
)
def test_refused_before_anything_starts(site: Site, arguments: str, said: str) -> None:
    assert said in refused(site.folder, *arguments.split())
    assert not Path(site.folder, ".gateway/exchanges.sqlite3").exists()


def test_a_certificate_that_does_not_fit_its_key(site: Site) -> None:
    import trustme

    authority = trustme.CA()
    one, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    one.cert_chain_pems[0].write_to_path(site.folder / "cert.pem")
    other.private_key_pem.write_to_path(site.folder / "key.pem")
    said = refused(site.folder, "--server", "gunicorn", "--cert", "cert.pem", "--key", "key.pem")
    assert "is no certificate: key values mismatch" in said


class Absent(Server):
    name = "absent"
    title = "Absent"
    distribution = "a-distribution-that-nobody-made"


def test_a_server_that_is_not_installed_or_too_old() -> None:
    with pytest.raises(ServerError, match=r"Absent is not installed. To install it: pip install 'a-distribution"):
        Absent().version()
    Absent.extra = "absent"
    with pytest.raises(ServerError, match=r"pip install 'django-gateway\[absent\]'"):
        Absent().version()
    Absent.also, Absent.least = ("django",), "99"
    with pytest.raises(ServerError, match=r"Absent \S+ is too old, 99 is needed"):
        Absent().version()


def test_a_server_that_does_not_want_to_run(site: Site) -> None:
    with Serving(site.folder, "--server", "gunicorn", "--", "--no-such-option") as serving:
        assert serving.process is not None
        assert serving.process.wait(60) == 2
        serving.wait_for("unrecognized arguments: --no-such-option")
