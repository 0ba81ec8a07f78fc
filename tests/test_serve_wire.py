"""gatewayserve --wire: the bytes at the client's side, with the exchange they belong to, and nothing changed by it."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import socket
import ssl
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from django_gateway.arrival import arrival
from django_gateway.document import document
from django_gateway.exchange import IN_FLIGHT, Exchange
from django_gateway.stores import open_store
from every_server import refused
from serving import Serving, Site, listens, open_request, until

VIEWS = """
import hashlib
import time

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt


def answer(request):
    response = HttpResponse("answer", status=299, reason="Quite Fine")
    response.set_cookie("sessionid", "planted")
    response["Server"] = "the view"
    return response


def who(request):
    return JsonResponse({"address": request.META["REMOTE_ADDR"], "port": request.META["SERVER_PORT"]})


@csrf_exempt
def upload(request):
    digest, size = hashlib.sha256(), 0
    while piece := request.read(65536):
        digest.update(piece)
        size += len(piece)
    return JsonResponse({"size": size, "sha256": digest.hexdigest()})


def download(request):
    return StreamingHttpResponse(b"x" * 65536 for _ in range(int(request.GET["blocks"])))
"""
URLS = """
from django.urls import path

from . import extra, views

urlpatterns = [path(f"{view.__name__}/", view) for view in (extra.answer, extra.who, extra.upload, extra.download)]
urlpatterns += [path(f"{name}/", getattr(views, name)) for name in ("version", "slow", "events", "die")]
"""


def project(folder: Path) -> Site:
    site = Site(folder)
    site.with_sockets()
    site.write("mysite/extra.py", VIEWS)
    site.write("mysite/urls.py", URLS)
    site.settings("GATEWAY = {'BODY_BYTES': 100}")
    return site


@contextmanager
def serving_wire(folder: Path, arguments: str) -> Iterator[tuple[Serving, Site]]:
    site = project(folder)
    with Serving(site.folder, *arguments.split(), "--wire") as serving:
        until(lambda: listens(serving))
        until(lambda: serving.request("/version/")[0] == 200)
        yield serving, site


@pytest.fixture(scope="module", params=["--wsgi --server gunicorn --threads 4", "--asgi --server uvicorn"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Site]]:
    with serving_wire(tmp_path_factory.mktemp("wire"), request.param) as found:
        yield found


def wired(site: Site, mark: str) -> Exchange:
    """The exchange with that text in its query, once the wire is there too."""
    store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")

    def look() -> Exchange | None:
        for summary in store.page(limit=500):
            if mark in (summary.query or summary.path) and summary.state != IN_FLIGHT:
                found = store.get(summary.id)
                return found if found is not None and "wire" in found.parts else None
        return None

    try:
        found = until(look, f"{mark} is not there, or its wire is not")
        assert found is not None
        return found
    finally:
        store.close()


def raw(serving: Serving, request: bytes) -> bytes:
    with socket.create_connection((serving.host, serving.port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


def test_the_very_bytes_and_who_put_them_there(served: tuple[Serving, Site]) -> None:
    serving, site = served
    head = "GET /answer/?mark=bytes&token=planted HTTP/1.1\r\nhOST: localhost\r\nCookie: sessionid=planted\r\nX-Odd:   two  spaces \r\nConnection: close\r\n\r\n"
    answer = raw(serving, head.encode()).decode()
    exchange = wired(site, "mark=bytes")
    wire = exchange.parts["wire"]
    assert "planted" not in str(wire)
    assert wire["request"]["head"] == head.replace("token=planted", "token=•••••").replace(
        "sessionid=planted", "sessionid=•••••"
    )
    told = wire["response"]
    sent, _, body = answer.partition("\r\n\r\n")
    assert told["head"].split("\r\n")[0] == sent.split("\r\n")[0]
    assert [name for name, _ in told["headers"]] == [line.partition(":")[0] for line in sent.split("\r\n")[1:]]
    assert (told["excerpt"], told["body"], body) == ("answer", 6, "answer")
    arrived = arrival(exchange)
    assert arrived is not None
    added = {name.lower() for name, _ in arrived.added}
    assert {"date", "server"} <= added
    assert "set-cookie" not in added
    if exchange.interface == "wsgi":
        # Gunicorn has its own in place of the view's.
        assert [exchange.headers[place] for place in arrived.missing] == [["Server", "the view"]]  # type: ignore[index]
    known = document(exchange)
    assert {header["origin"] for header in known["response"]["headers"] if header["name"].lower() == "date"} == {
        "server"
    }
    assert known["wire"]["response"]["body_bytes"] == 6


def test_the_clients_address_is_right_on_this_machine(served: tuple[Serving, Site]) -> None:
    serving, _ = served
    with socket.socket() as connection:
        connection.bind(("127.0.0.9", 0))
        connection.connect((serving.host, serving.port))
        connection.sendall(b"GET /who/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert b'"address": "127.0.0.9"' in answer
    assert f'"port": "{serving.port}"'.encode() in answer


def ask_many(serving: Serving, count: int, kept: int = 40, **more: Any) -> None:
    """All at once over a few dozen connections, kept or not; each says in a header who it is, and nowhere else."""

    async def ask() -> None:
        limits = httpx.Limits(max_connections=40, max_keepalive_connections=kept)
        async with httpx.AsyncClient(trust_env=False, timeout=60, limits=limits, **more) as client:
            answers = await asyncio.gather(
                *(client.get("/version/?many=1", headers={"X-Number": str(number)}) for number in range(count))
            )
        assert {answer.status_code for answer in answers} == {200}

    asyncio.run(ask())


def numbers_agree(site: Site, count: int) -> None:
    store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")

    def pairs() -> list[tuple[str, str]]:
        found = []
        for summary in store.page(limit=500):
            exchange = store.get(summary.id) if summary.query == "many=1" else None
            if exchange is not None and "wire" in exchange.parts:
                wire = {name.lower(): value for name, value in exchange.parts["wire"]["request"]["headers"]}
                found.append((handed(exchange), wire["x-number"]))
        return found

    until(lambda: len(pairs()) == count, "not every request was joined")
    found = pairs()
    assert [one for one in found if one[0] != one[1]] == []
    assert {int(one) for one, _ in found} == set(range(count))
    store.close()


def handed(exchange: Exchange) -> str:
    assert exchange.handover is not None
    for key, value in exchange.handover.entries:
        if key == "HTTP_X_NUMBER":
            return str(value)
        if key == "headers":
            return str(dict(value)["x-number"])
    raise AssertionError(exchange.handover)


def test_two_hundred_at_a_time_and_none_is_taken_for_another(served: tuple[Serving, Site]) -> None:
    serving, site = served
    ask_many(serving, 200, base_url=serving.url)
    numbers_agree(site, 200)


def test_a_large_upload_and_a_large_download(served: tuple[Serving, Site]) -> None:
    serving, site = served
    data = bytes(range(256)) * 4096 * 20
    with httpx.Client(base_url=serving.url, trust_env=False, timeout=60) as client:
        told = client.post("/upload/?mark=upload", content=data).json()
        assert told == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        if "uvicorn" not in serving.output:
            assert len(client.get("/download/?blocks=300").content) == 300 * 65536
    wire = wired(site, "mark=upload").parts["wire"]
    assert wire["request"]["body"] == len(data)
    assert len(wire["request"]["excerpt"]) <= 100


def test_a_client_that_does_not_read_holds_the_application_back(served: tuple[Serving, Site]) -> None:
    serving, _ = served
    if "Gunicorn" not in serving.output:
        pytest.skip("Django collects a sync generator under ASGI")
    relay = next(process for process in serving.family() if "django_gateway.wire" in process.cmdline())
    before = relay.memory_info().rss
    with socket.create_connection((serving.host, serving.port), timeout=60) as connection:
        connection.sendall(b"GET /download/?blocks=1600 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        # Something else goes on meanwhile, and nothing of the hundred megabytes is collected in between.
        for _ in range(20):
            assert serving.get("/version/") == "one"
        assert relay.memory_info().rss - before < 30 << 20
        size = 0
        while data := connection.recv(1 << 20):
            size += len(data)
    assert size > 1600 * 65536


def test_a_client_that_leaves_is_gone_for_the_server_too(served: tuple[Serving, Site]) -> None:
    serving, site = served
    with open_request(serving, "/events/?mark=leaves") as events:
        assert events.readline() == b"data: one\n"
    exchange = wired(site, "mark=leaves")
    assert exchange.state == "finished"
    assert exchange.parts["wire"]["response"]["complete"] is False


def test_a_client_that_ends_its_half_is_answered(served: tuple[Serving, Site]) -> None:
    serving, site = served
    if "uvicorn" in serving.output:
        pytest.skip("uvicorn closes such a connection itself")
    with socket.create_connection((serving.host, serving.port), timeout=30) as connection:
        connection.sendall(b"GET /version/?mark=half HTTP/1.0\r\nHost: localhost\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert b"one" in answer.partition(b"\r\n\r\n")[2]
    assert wired(site, "mark=half").parts["wire"]["response"]["complete"] is True


def test_a_reset_connection_harms_nobody(served: tuple[Serving, Site]) -> None:
    serving, _ = served
    for _ in range(10):
        connection = socket.create_connection((serving.host, serving.port), timeout=30)
        connection.sendall(b"GET /version/ HTTP/1.1\r\nHost:")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert serving.get("/version/") == "one"
    assert "relay of --wire exited" not in serving.output


def test_what_is_no_http_goes_through_as_it_is(served: tuple[Serving, Site]) -> None:
    serving, _ = served
    answer = raw(serving, b"NONSENSE\r\n\r\n")
    assert b"400" in answer.split(b"\r\n")[0] or answer == b""
    assert serving.get("/version/") == "one"


def test_websockets(served: tuple[Serving, Site]) -> None:
    serving, site = served
    if "uvicorn" not in serving.output:
        pytest.skip("WSGI has none")
    with connect(f"{serving.url.replace('http', 'ws')}echo/", compression=None) as websocket:
        for text in ("hello", "x" * 100_000):
            websocket.send(text)
            assert websocket.recv() == text
    wire = wired(site, "/echo/").parts["wire"]
    assert wire["response"]["head"].startswith("HTTP/1.1 101 ")
    assert wire["upgraded"][0] > 100_000
    assert wire["upgraded"][1] > 100_000


# Other ways to serve


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["--wsgi", "--server uwsgi", "--wsgi --server granian", "--server daphne"])
def test_servers_that_tell_no_port(tmp_path: Path, arguments: str) -> None:
    with serving_wire(tmp_path, arguments) as (serving, site):
        # uWSGI ends each connection after a response without a word about that.
        ask_many(serving, 60, kept=0, base_url=serving.url)
        numbers_agree(site, 60)


def test_on_a_unix_socket(tmp_path: Path) -> None:
    site = project(tmp_path / "site")
    with tempfile.TemporaryDirectory(prefix="gw") as folder:
        path = f"{folder}/socket"
        # Gunicorn behind, which is on TCP then; its client is the relay.
        with Serving(
            site.folder, "--wsgi", "--server", "gunicorn", "--threads", "4", "--unix", path, "--wire", port=""
        ) as serving:
            assert serving.url == f"unix:{path}"
            ask_many(serving, 200, base_url="http://localhost", transport=httpx.AsyncHTTPTransport(uds=path))
            numbers_agree(site, 200)
        assert not Path(path).exists()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["--wsgi --server gunicorn --threads 2", "--server daphne"])
def test_tls_ends_at_the_relay_and_the_server_still_sees_https(tmp_path: Path, arguments: str) -> None:
    site = project(tmp_path)
    with Serving(site.folder, *arguments.split(), "--https", "--wire") as serving:
        assert serving.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=f"{site.folder}/.gateway/certificates/authority.pem")
        with httpx.Client(http2=True, verify=trusting, base_url=serving.url, trust_env=False, timeout=30) as client:
            answers = [client.get(f"/version/?mark=tls-{number}") for number in range(3)]
        assert [(answer.http_version, answer.text) for answer in answers] == [("HTTP/1.1", "one")] * 3
        exchange = wired(site, "mark=tls-2")
        assert exchange.parts["wire"]["tls"] is True
        assert exchange.parts["wire"]["number"] == 3
        assert exchange.handover is not None
        entries = dict(exchange.handover.entries)
        assert "https" in (entries.get("wsgi.url_scheme"), entries.get("scheme"))


@pytest.mark.slow
def test_reload_and_the_end(tmp_path: Path) -> None:
    with serving_wire(tmp_path, "--wsgi --server gunicorn --threads 2") as (serving, site):
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: serving.get("/version/") == "two")
        relay = next(process for process in serving.family() if "django_gateway.wire" in process.cmdline())
        relay.kill()
        until(lambda: listens(serving) and serving.request("/version/?mark=again") == (200, "two"))
        serving.wait_for("The relay of --wire ")
        wired(site, "mark=again")
        assert serving.end(signal.SIGKILL) == -signal.SIGKILL


def test_in_front_of_a_proxy(tmp_path: Path) -> None:
    with serving_wire(tmp_path, "--wsgi --server gunicorn --threads 4 --behind nginx") as (serving, site):
        ask_many(serving, 60, base_url=serving.url)
        numbers_agree(site, 60)
        answer = httpx.get(f"{serving.url}answer/?mark=proxy", trust_env=False)
        exchange = wired(site, "mark=proxy")
        arrived = arrival(exchange)
        assert arrived is not None
        assert arrived.by == "proxy"
        assert answer.headers["server"].startswith("nginx")
        assert dict(arrived.added)["Server"] == answer.headers["server"]
        assert exchange.parts["proxy"]["name"] == "nginx"
        assert exchange.handover is not None
        assert dict(exchange.handover.entries)["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"


def test_refused_where_nothing_is_recorded(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.settings("GATEWAY = {'ENABLED': False}")
    assert "recording is off" in refused(site.folder, "--wire")
