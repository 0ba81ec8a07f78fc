"""Each server under gatewayserve: the options that all of them share, reload, and what goes wrong."""

from __future__ import annotations

import asyncio
import http.client
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from django_gateway import servers
from django_gateway.exchange import IN_FLIGHT, Exchange
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
    found = [each.split() for each in (*EVERY.values(), "--server daphne")]
    return [each for each in found if option in servers.get(each[each.index("--server") + 1]).can]


#: What speaks HTTP/2 over TLS. Gunicorn's sync worker does not.
HTTP2 = ("daphne", "gunicorn --threads", "--asgi --server gunicorn", "granian", "hypercorn")


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


def recorded(site: Site, path: str) -> Exchange:
    """The newest exchange with that path, once it is there."""
    store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
    try:
        found = until(lambda: [one for one in store.page() if one.path == path and one.state != IN_FLIGHT])[0]
        exchange = store.get(found.id)
        assert exchange is not None
        return exchange
    finally:
        store.close()


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


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="Debian's mod_wsgi embeds Debian's Python 3.11")
def test_mod_wsgi_express_comes_before_the_distributions_module(site: Site) -> None:
    """What pip would put there can't be built everywhere: Debian's own module stands in its place, under its name."""
    (module,) = Path("/usr/lib/apache2/modules").glob("mod_wsgi.so-3.11")
    express = site.folder / "mod_wsgi/server"
    express.mkdir(parents=True)
    for package in (express, express.parent):
        (package / "__init__.py").touch()
    shutil.copy(module, express / "mod_wsgi-py311.cpython-311-x86_64-linux-gnu.so")
    with Serving(site.folder, "--server", "mod_wsgi") as serving:
        until(lambda: listens(serving))
        assert serving.get("/interface/") == "wsgi"
        configuration = Path(site.folder, ".gateway/mod_wsgi/apache.conf").read_text()
        assert f'LoadModule wsgi_module "{express}/mod_wsgi-py311' in configuration


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


def version_over_http2(serving: Serving, trusting: ssl.SSLContext) -> str:
    """While workers are replaced, Gunicorn and Granian may send a new connection away (GOAWAY): then nothing."""
    with (
        httpx.Client(http2=True, verify=trusting, trust_env=False, timeout=30) as client,
        suppress(httpx.ProtocolError),
    ):
        return client.get(f"{serving.url}version/").raise_for_status().text
    return ""


@pytest.mark.parametrize("arguments", those("https"), ids=" ".join)
def test_https(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments, "--https") as serving:
        assert serving.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=f"{site.folder}/.gateway/certificates/authority.pem")
        for host in ("127.0.0.1", "localhost"):
            connection = http.client.HTTPSConnection(host, serving.port, timeout=30, context=trusting)
            assert get_from(connection, "/version/") == "one"
        spoken = "HTTP/2" if any(which in " ".join(arguments) for which in HTTP2) else "HTTP/1.1"
        with httpx.Client(http2=True, verify=trusting, base_url=serving.url, trust_env=False, timeout=30) as client:
            answers = [client.get("/version/"), client.get("/interface/"), client.get("/nowhere/")]
        assert [answer.status_code for answer in answers] == [200, 200, 404]
        assert answers[0].text == "one"
        assert {answer.http_version for answer in answers} == {spoken}
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: version_over_http2(serving, trusting) == "two")
        handover = recorded(site, "/nowhere/").handover
        assert handover is not None
        handed = dict(handover.entries)
        assert "https" in (handed.get("wsgi.url_scheme"), handed.get("scheme"))
    key = Path(f"{site.folder}/.gateway/certificates/key.pem")
    assert key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("arguments", ["--server daphne", "--server hypercorn", "--asgi --server granian"])
def test_streams_of_one_http2_connection_at_the_same_time(site: Site, arguments: str) -> None:
    with Serving(site.folder, *arguments.split(), "--https") as serving:
        trusting = ssl.create_default_context(cafile=f"{site.folder}/.gateway/certificates/authority.pem")

        async def ask() -> list[httpx.Response]:
            one_connection = httpx.Limits(max_connections=1)
            async with httpx.AsyncClient(
                http2=True, verify=trusting, base_url=serving.url, trust_env=False, timeout=30, limits=one_connection
            ) as client:
                return await asyncio.gather(*(client.get(f"/interface/?n={number}") for number in range(20)))

        answers = asyncio.run(ask())
        assert [(answer.http_version, answer.text) for answer in answers] == [("HTTP/2", "asgi")] * 20
        store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
        until(lambda: {one.query for one in store.page(limit=100)} >= {f"n={number}" for number in range(20)})
        store.close()


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


FOUR_LINES = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
FLASK = """
from flask import Flask, request

application = Flask(__name__)


@application.post("/greet/<name>")
def greet(name):
    return {"hello": name, "from": request.form["from"]}
"""
ASGI = """
async def application(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@pytest.mark.parametrize(
    "arguments",
    ["--wsgi", "--wsgi --server gunicorn", "--server waitress", "--server uwsgi", "--wsgi --server granian", "--cgi"],
)
def test_an_application_that_is_not_djangos(site: Site, arguments: str) -> None:
    site.write("hello.py", FOUR_LINES)
    with Serving(site.folder, *arguments.split(), "--application", "hello:application") as serving:
        until(lambda: listens(serving))
        assert serving.get("/anything/") == "hello"
        exchange = recorded(site, "/anything/")
        assert (exchange.status, exchange.match, exchange.interface) == (
            200,
            None,
            "cgi" if arguments == "--cgi" else "wsgi",
        )


@pytest.mark.parametrize(
    "arguments", ["--wsgi", "--server gunicorn --threads 2", "--server cheroot", "--server waitress"]
)
def test_a_flask_application(site: Site, arguments: str) -> None:
    site.write("greeting.py", FLASK)
    with Serving(site.folder, *arguments.split(), "--application", "greeting:application") as serving:
        answer = httpx.post(f"{serving.url}greet/ada", data={"from": "grace"}, trust_env=False, timeout=30)
        assert answer.json() == {"hello": "ada", "from": "grace"}
        exchange = recorded(site, "/greet/ada")
        assert (exchange.method, exchange.status) == ("POST", 200)
        assert (exchange.sizes.request_bytes, exchange.sizes.body_bytes) == (10, len(answer.content))
        assert serving.request("/nowhere/")[0] == 404
        assert recorded(site, "/nowhere/").status == 404


@pytest.mark.parametrize("arguments", ["--server uvicorn", "--server daphne", "--server hypercorn"])
def test_an_asgi_application_that_is_not_djangos(site: Site, arguments: str) -> None:
    site.write("hello.py", ASGI)
    with Serving(site.folder, *arguments.split(), "--application", "hello:application") as serving:
        assert serving.get("/anything/") == "hello"
        exchange = recorded(site, "/anything/")
        assert (exchange.status, exchange.match, exchange.interface) == (200, None, "asgi")


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
