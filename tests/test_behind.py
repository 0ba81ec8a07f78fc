"""nginx, Apache and Caddy in front, started by gatewayserve: what a client gets, and what is known of it afterwards."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import connect

import fronting
from fronting import Fronted
from serving import DEADLINE, Site, open_request, until

BIG = bytes(range(256)) * 80 * 1024  # 20 MiB
MOST = 25_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return fronting.make(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module", params=["nginx", "apache", "caddy"])
def serving(request: pytest.FixtureRequest, site: Site) -> Iterator[Fronted]:
    with Fronted(site, request.param, "--max-body", str(MOST), "--timeout", "4") as serving:
        yield serving


def post(serving: Fronted, path: str, body: Any, **headers: str) -> tuple[int, str]:
    connection = serving.connect()
    try:
        connection.request("POST", path, body, headers, encode_chunked="Transfer-Encoding" in headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_a_page_and_what_the_application_is_told(serving: Fronted) -> None:
    connection = serving.connect()
    connection.request("GET", "/told/", headers={"X-Forwarded-For": "6.6.6.6", "X-Request-ID": "of-my-own"})
    told = json.loads(connection.getresponse().read())
    connection.close()
    assert told["HTTP_HOST"] == f"127.0.0.1:{serving.port}"
    assert told["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert told["HTTP_X_FORWARDED_PROTO"] == "http"
    assert told["HTTP_X_REQUEST_ID"] not in (None, "of-my-own")
    exchange = serving.seen("/told/")
    assert exchange["interface"] == "asgi"
    proxy = exchange["proxy"]
    assert proxy["name"] == serving.proxy
    assert proxy["request_id"] == told["HTTP_X_REQUEST_ID"]
    assert proxy["status"] == 200
    assert proxy["reason"] is None
    assert proxy["worker"] == exchange["server"]["pid"]
    assert proxy["upstream"].endswith("/application.sock")


def test_a_static_file_of_the_project_and_one_of_an_app(serving: Fronted) -> None:
    assert serving.get("/static/site.css") == "body { color: black }"
    assert "color" in serving.get("/static/admin/css/base.css")
    exchange = serving.seen("/static/site.css")
    assert (exchange["interface"], exchange["status"], exchange["vantage"]) == ("proxy", 200, "proxy")
    assert exchange["server"]["name"] == serving.proxy
    assert "served itself" in exchange["proxy"]["reason"]
    assert exchange["unseen"]
    assert exchange["proxy"]["worker"] is None


def test_a_static_file_that_comes_changes_and_goes(serving: Fronted, site: Site) -> None:
    path = site.folder / "assets" / f"new-{serving.proxy}.css"
    name = f"/static/{path.name}"
    assert serving.request(name)[0] == 404
    path.write_text("one")
    until(lambda: serving.request(name) == (200, "one"), "the new file is not served")
    path.write_text("two!")
    until(lambda: serving.request(name) == (200, "two!"), "the changed file is not served")
    path.unlink()
    until(lambda: serving.request(name)[0] == 404, "the removed file is still served")
    assert "no such file" in serving.seen(name, lambda told: told["status"] == 404)["proxy"]["reason"]


def test_an_uploaded_file_is_served_and_never_run(serving: Fronted) -> None:
    connection = serving.connect()
    connection.request("GET", "/media/photo.txt")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"a photo")
    assert "script-src 'none'" in (response.getheader("Content-Security-Policy") or "")
    connection.close()


def test_a_large_upload_and_one_in_chunks(serving: Fronted) -> None:
    expected = hashlib.sha256(BIG).hexdigest()
    assert post(serving, "/digest/", BIG) == (200, expected)
    chunks = (BIG[at : at + 1_000_000] for at in range(0, len(BIG), 1_000_000))
    assert post(serving, "/digest/", chunks, **{"Transfer-Encoding": "chunked"}) == (200, expected)


def test_a_body_that_is_too_large(serving: Fronted) -> None:
    connection = serving.connect()
    connection.putrequest("POST", "/digest/")
    connection.putheader("Content-Length", str(MOST + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    exchange = serving.seen("/digest/", lambda told: told["status"] == 413)
    assert exchange["interface"] == "proxy"
    assert "larger than what" in exchange["proxy"]["reason"]


def test_a_request_that_is_none(serving: Fronted) -> None:
    with socket.create_connection((serving.host, serving.port), timeout=DEADLINE) as connection:
        connection.sendall(b"GET /told/ HTTP/1.1\r\nHost: a b\x01c\r\n\r\n")
        assert connection.recv(65536).split(b" ")[1] == b"400"


def test_a_stream_arrives_piece_by_piece(serving: Fronted) -> None:
    with open_request(serving, "/events/") as response:
        assert [response.readline() for _ in range(4)] == [b"data: one\n", b"\n"] * 2


def test_a_websocket(serving: Fronted) -> None:
    with connect(f"ws://127.0.0.1:{serving.port}/echo/", open_timeout=DEADLINE) as websocket:
        websocket.send("hello")
        assert websocket.recv(DEADLINE) == "hello"
    exchange = serving.seen("/echo/")
    assert (exchange["type"], exchange["proxy"]["status"]) == ("websocket", 101)


# What the lane says, with what is known beforehand


def test_the_time_in_which_the_application_had_not_answered(serving: Fronted) -> None:
    assert serving.get("/sleep/?seconds=0.3") == "slept"
    exchange = serving.seen("/sleep/", lambda told: told["query"] == "seconds=0.3" and told["state"] == "finished")
    proxy = exchange["proxy"]
    # nginx writes whole milliseconds, and Apache counts from the request on.
    assert 298 <= proxy["waiting_ms"] <= proxy["total_ms"]
    assert proxy["at_ms"] <= 0
    assert 0 <= proxy["queue_ms"] < proxy["total_ms"] - 298


def test_the_time_in_which_a_slow_client_read(serving: Fronted) -> None:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(DEADLINE)
    connection.connect((serving.host, serving.port))
    connection.sendall(b"GET /big/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    first = connection.recv(1)
    time.sleep(0.6)  # what is tested: a client that does not read
    while connection.recv(65536):
        pass
    connection.close()
    assert first == b"H"
    exchange = serving.seen("/big/")
    proxy = exchange["proxy"]
    # nginx takes the whole answer from the application; the others keep the application waiting with the client.
    assert proxy["answering_ms"] + (proxy["sending_ms"] or 0) >= 590, proxy
    assert proxy["sent_bytes"] >= 3_000_000
    if serving.proxy == "nginx":
        assert proxy["sending_ms"] >= 100
        assert exchange["duration_ms"] < proxy["total_ms"]


def test_a_client_that_leaves(serving: Fronted) -> None:
    if serving.proxy == "apache":
        pytest.skip("Apache does not look whether the client is there still while it waits")
    begun = serving.folder / "begun"
    begun.unlink(missing_ok=True)
    connection = http.client.HTTPConnection(serving.host, serving.port, timeout=DEADLINE)
    connection.request("GET", "/sleep/?seconds=1.5&leaves=1")
    until(begun.exists, "the view was not called")
    connection.close()
    exchange = serving.seen("/sleep/", lambda told: "leaves" in told["query"])
    assert exchange["proxy"]["reason"] == "The client left before the application had answered."
    assert exchange["proxy"]["status"] == (499 if serving.proxy == "nginx" else None)


def test_a_worker_that_dies(serving: Fronted) -> None:
    assert serving.request("/die/")[0] == 502
    exchange = serving.seen("/die/")
    assert exchange["proxy"]["status"] == 502
    assert "died" in exchange["proxy"]["reason"]
    until(lambda: serving.request("/version/") == (200, "one"), "no other worker takes its place")


def test_an_application_that_takes_too_long(serving: Fronted) -> None:
    # Apache takes the silence of a Unix socket for a connection that broke.
    status = 502 if serving.proxy == "apache" else 504
    assert serving.request("/sleep/?seconds=6&late=1")[0] == status
    exchange = serving.seen("/sleep/", lambda told: "late" in told["query"])
    assert exchange["interface"] == "asgi"
    assert exchange["proxy"]["status"] == status
    assert exchange["proxy"]["waiting_ms"] >= 3900
    assert ("took too long" if serving.proxy == "apache" else "wait no longer") in exchange["proxy"]["reason"]


def test_nobody_else_may_read_what_is_kept(serving: Fronted) -> None:
    assert serving.own.stat().st_mode & 0o077 == 0
    assert os.path.lexists(serving.own / "application.sock")
