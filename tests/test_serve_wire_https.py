"""gatewayserve --wire --https: TLS ends at the relay, and inside it is spoken what the server or the proxy speaks."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from serving import Serving, Site, until
from wires import ask_many, numbers_agree, project, raw, wired

HTTP2 = [
    "--server hypercorn",
    "--server daphne",
    "--asgi --server granian",
    "--wsgi --server gunicorn --threads 4",
    "--wsgi --server gunicorn --threads 4 --behind nginx",
    "--server uvicorn --behind apache",
    "--server uvicorn --behind caddy",
]


def trusting(site: Site) -> ssl.SSLContext:
    """One for each client: httpx asks for HTTP/2 on it or does not."""
    return ssl.create_default_context(cafile=f"{site.folder}/.gateway/certificates/authority.pem")


def wait_until_answered(serving: Serving, site: Site) -> None:
    def answers() -> bool:
        try:
            return httpx.get(f"{serving.url}version/", verify=trusting(site), trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    until(answers, "nobody answers")


@pytest.fixture(scope="module", params=HTTP2)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Site]]:
    site = project(tmp_path_factory.mktemp("wire"))
    with Serving(site.folder, *request.param.split(), "--https", "--wire") as serving:
        wait_until_answered(serving, site)
        yield serving, site


@pytest.mark.slow
def test_http2_with_a_hundred_requests_at_a_time(served: tuple[Serving, Site]) -> None:
    serving, site = served
    ask_many(serving, 100, base_url=serving.url, http2=True, verify=trusting(site))
    numbers_agree(site, 100)


@pytest.mark.slow
def test_a_request_of_http2_and_one_of_http1_to_the_same_server(served: tuple[Serving, Site]) -> None:
    serving, site = served
    options: dict[str, Any] = {"base_url": serving.url, "trust_env": False, "timeout": 60}
    with httpx.Client(http2=True, verify=trusting(site), **options) as client:
        answer = client.get("/answer/?mark=two&token=planted", headers={"Cookie": "sessionid=planted"})
        told = client.post("/upload/?mark=upload", content=b"x" * 300_000).json()
    assert (answer.http_version, answer.text, told["size"]) == ("HTTP/2", "answer", 300_000)
    exchange = wired(site, "mark=two")
    wire = exchange.parts["wire"]
    assert wire["tls"] is True
    assert wire["request"]["head"].startswith("GET /answer/?mark=two&token=••••• HTTP/2\r\n")
    assert f":authority: {serving.host}:{serving.port}\r\n" in wire["request"]["head"]
    assert "planted" not in str(wire)
    assert wire["response"]["head"].startswith("HTTP/2 299\r\n")
    names = [name for name, _ in wire["response"]["headers"]]
    assert names == [name.decode() for name, _ in answer.headers.raw]
    assert (wire["response"]["body"], wire["response"]["excerpt"], wire["response"]["complete"]) == (6, "answer", True)
    upload = wired(site, "mark=upload").parts["wire"]
    assert (upload["request"]["body"], upload["request"]["framing"]) == (300_000, "frames")
    assert len(upload["request"]["excerpt"]) == 100
    with httpx.Client(verify=trusting(site), **options) as client:
        assert client.get("/version/?mark=first").http_version == "HTTP/1.1"
    assert wired(site, "mark=first").parts["wire"]["response"]["head"].startswith("HTTP/1.1 200 ")


@pytest.mark.slow
def test_the_server_sees_https(served: tuple[Serving, Site]) -> None:
    serving, site = served
    with httpx.Client(http2=True, verify=trusting(site), base_url=serving.url, trust_env=False, timeout=60) as client:
        client.get("/version/?mark=scheme")
    handover = wired(site, "mark=scheme").handover
    assert handover is not None
    entries = dict(handover.entries)
    headers = dict(entries.get("headers", []))
    forwarded = entries.get("HTTP_X_FORWARDED_PROTO", headers.get("x-forwarded-proto"))
    assert "https" in (entries.get("wsgi.url_scheme"), entries.get("scheme"), forwarded)


@pytest.mark.slow
def test_a_websocket(served: tuple[Serving, Site]) -> None:
    serving, site = served
    if "WSGI on" in serving.output:
        pytest.skip("WSGI has none")
    with connect(f"{serving.url.replace('https', 'wss')}echo/", ssl=trusting(site), compression=None) as websocket:
        websocket.send("x" * 10_000)
        assert websocket.recv() == "x" * 10_000
    wire = wired(site, "/echo/").parts["wire"]
    assert wire["response"]["head"].startswith("HTTP/1.1 101 ")
    assert min(wire["upgraded"]) > 10_000


def test_a_server_that_speaks_http1_alone_is_not_asked_for_more(tmp_path: Path) -> None:
    site = project(tmp_path)
    with Serving(site.folder, "--server", "uvicorn", "--https", "--wire") as serving:
        wait_until_answered(serving, site)
        with httpx.Client(http2=True, verify=trusting(site), trust_env=False, timeout=60) as client:
            assert client.get(f"{serving.url}version/?mark=one").http_version == "HTTP/1.1"
        assert wired(site, "mark=one").parts["wire"]["response"]["head"].startswith("HTTP/1.1 200 ")


def test_what_is_no_tls_and_who_leaves_before_it_begins_harm_nobody(tmp_path: Path) -> None:
    site = project(tmp_path)
    with Serving(site.folder, "--server", "hypercorn", "--https", "--wire") as serving:
        wait_until_answered(serving, site)
        said = len(serving.output)
        with suppress(ConnectionError):
            assert b"HTTP/1.1 200" not in raw(serving, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(10):
            with socket.create_connection((serving.host, serving.port), timeout=30) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with httpx.Client(http2=True, verify=trusting(site), trust_env=False, timeout=60) as client:
            assert client.get(f"{serving.url}version/?mark=after").http_version == "HTTP/2"
        wired(site, "mark=after")
        assert "Traceback" not in serving.output[said:]
        assert "relay of --wire" not in serving.output[said:]


def test_http2_without_tls_by_a_client_that_knows(tmp_path: Path) -> None:
    site = project(tmp_path)

    async def ask(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(http1=False, http2=True, trust_env=False, timeout=60) as client:
            return await asyncio.gather(*(client.get(f"{url}version/?mark=known-{number}") for number in range(5)))

    with Serving(site.folder, "--server", "hypercorn", "--wire") as serving:
        until(lambda: serving.request("/version/")[0] == 200)
        assert {answer.http_version for answer in asyncio.run(ask(serving.url))} == {"HTTP/2"}
        for number in range(5):
            wire = wired(site, f"mark=known-{number}").parts["wire"]
            assert wire["request"]["head"].startswith(f"GET /version/?mark=known-{number} HTTP/2\r\n")
