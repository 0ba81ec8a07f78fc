"""gatewayserve --wire: the bytes at the client's side, with the exchange they belong to, and nothing changed by it."""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Iterator

import httpx
import pytest
from websockets.sync.client import connect

from django_gateway.arrival import arrival
from django_gateway.document import document
from serving import Serving, Site, open_request
from wires import ask_many, numbers_agree, raw, serving_wire, wired


@pytest.fixture(scope="module", params=["--wsgi --server gunicorn --threads 4", "--asgi --server uvicorn"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Site]]:
    with serving_wire(tmp_path_factory.mktemp("wire"), request.param) as found:
        yield found


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
    added = {one.name.lower() for one in arrived.added}
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
