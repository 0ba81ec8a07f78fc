"""Requests that are wrong, huge or abandoned, sent to the test project under gatewayserve: it answers, and goes on."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from django_gateway.exchange import Exchange
from django_gateway.stores import open_store
from serving import DEADLINE, Serving, until

PROJECT = Path(__file__).parents[1] / "testproject"
MEBIBYTE = 1024 * 1024

Served = tuple[Serving, Path]


@pytest.fixture(params=["--wsgi", "--asgi"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "testproject"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("*.sqlite3*", ".gateway", "__pycache__"))
    with Serving(folder, request.param, "--noreload") as serving:
        yield serving, folder


def recorded(folder: Path, path: str) -> Exchange:
    """The newest exchange with this path, once it is there."""
    store = open_store(f"sqlite:///{folder}/.gateway/exchanges.sqlite3")
    try:
        found = until(lambda: [one for one in store.page(limit=500) if one.path == path], f"{path} was not recorded")
        exchange = store.get(found[0].id)
        assert exchange is not None
        return exchange
    finally:
        store.close()


def raw(serving: Serving, request: bytes) -> bytes:
    """Everything the server answers before it closes."""
    with socket.create_connection((serving.host, serving.port), DEADLINE) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65_536):
            answer += data
        return answer


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /\xff\xfe%00%ff?\x80=\xc3\x28 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /about/ HTTP/1.1\r\nHost: localhost\r\nX-Odd: \x01\x1b[31m\xff\r\nConnection: close\r\n\r\n",
        b"GET /about/ HTTP/1.1\r\nHost: local\xffhost\r\nCookie: \xff=\xfe\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NONSENSE\r\n\r\n",
        b"GET /about/ HTTP/9.9\r\n\r\n",
        b"POST /transfers/raw/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\nConnection: close\r\n\r\n",
    ],
    ids=["path", "header", "host", "tls", "words", "version", "length"],
)
def test_malformed_bytes_harm_nobody(served: Served, request_line: bytes) -> None:
    serving, folder = served
    answer = raw(serving, request_line)
    assert answer == b"" or answer.startswith((b"HTTP/1.", b"<!DOCTYPE")), answer[:200]
    assert serving.request("/json/")[0] == 200
    assert recorded(folder, "/json/").status == 200
    assert "recording is off" not in serving.output
    assert "\x1b[31m" not in serving.output


def test_a_header_of_sixty_kilobytes(served: Served) -> None:
    serving, folder = served
    long = "x" * 60_000
    status, _ = serving.request("/json/", headers={"X-Long": long})
    # Daphne takes lines of up to 16 KiB, Django's own server of up to 64 KiB.
    assert status == (431 if "Daphne" in serving.output else 200)
    assert serving.request("/about/")[0] == 200
    if status == 200:
        handover = recorded(folder, "/json/").handover
        assert handover is not None
        kept = dict(handover.entries)["HTTP_X_LONG"]
        assert kept.startswith("x" * 8_000)
        assert len(kept) < 9_000
        assert kept.endswith("(60000 characters)")


@pytest.mark.slow
def test_a_body_of_a_hundred_megabytes_is_streamed(served: Served) -> None:
    serving, folder = served
    serving.request("/json/")
    workers = serving.family()
    before = sum(worker.memory_info().rss for worker in workers)
    piece = b"0123456789abcdef" * (MEBIBYTE // 16)
    digest = hashlib.sha256()
    connection = http.client.HTTPConnection(serving.host, serving.port, timeout=DEADLINE)
    connection.putrequest("POST", "/transfers/raw/")
    connection.putheader("Content-Length", str(100 * MEBIBYTE))
    connection.putheader("Content-Type", "application/octet-stream")
    connection.endheaders()
    highest = before
    for _ in range(100):
        digest.update(piece)
        connection.send(piece)
        highest = max(highest, sum(memory(worker) for worker in workers))
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    assert response.status == 200, body
    assert digest.hexdigest() in body
    exchange = recorded(folder, "/transfers/raw/")
    assert exchange.sizes.request_bytes == 100 * MEBIBYTE
    assert len(exchange.trail) < 25_000
    assert highest - before < 64 * MEBIBYTE


def memory(worker: psutil.Process) -> int:
    try:
        return int(worker.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def test_a_client_that_leaves_in_the_middle_of_a_stream(served: Served) -> None:
    serving, folder = served
    with socket.create_connection((serving.host, serving.port), DEADLINE) as connection:
        connection.sendall(b"GET /streams/events/?count=500&ms=20 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1_024).startswith(b"HTTP/1.")
    exchange = recorded(folder, "/streams/events/")
    assert exchange.status == 200
    assert 0 < exchange.sizes.chunks < 500
    assert serving.request("/json/")[0] == 200


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "testproject"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("*.sqlite3*", ".gateway", "__pycache__"))
    (tmp_path / "a-file").write_text("no folder")
    store = f"sqlite:///{tmp_path}/a-file/exchanges.sqlite3"
    with Serving(folder, "--wsgi", "--noreload", GATEWAY_STORE=store) as serving:
        assert serving.request("/json/")[0] == 200
        serving.wait_for("recording is off")
        assert str(tmp_path / "a-file") in serving.output
        assert serving.request("/about/")[0] == 200
