"""The test project under CGI, a process for each request, on each web server for real."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from cgi_serving import SERVERS, Site, environment_of, events, fields, site
from django_gateway import phases
from django_gateway.document import document
from serving import until


@pytest.fixture(scope="module", params=SERVERS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(request.param, tmp_path_factory.mktemp("gateway")) as found:
        yield found


def head_and_body(answer: bytes) -> tuple[bytes, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return head, body
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + rest[:length], rest[length + 2 :]
    return head, whole


def test_the_banner_says_how_it_is_served(served: Site) -> None:
    titles = {
        "lighttpd": "CGI on lighttpd 1.",
        "apache": "CGI on Apache 2.",
        "fcgiwrap": "CGI on fcgiwrap behind nginx 1.",
        "embedded": "CGI on gatewayserve's own host ",
    }
    (line,) = [line for line in served.serving.output.splitlines() if line.startswith("CGI on ")]
    assert line.startswith(titles[served.server])
    assert ": one process per request" in line


def test_environment_of_the_request(served: Site) -> None:
    head, body = head_and_body(
        served.ask(
            "/json/?mark=environment", "X-Colour: orange", "Cookie: sessionid=secret", "Authorization: Basic c2VjcmV0"
        )
    )
    assert head.startswith(b"HTTP/1.1 200 ")
    assert json.loads(body) == {"method": "GET", "path": "/json/", "query": {"mark": "environment"}}
    exchange = served.recorded("mark=environment")
    assert exchange.interface == "cgi"
    assert exchange.status == 200
    assert exchange.match is not None
    assert exchange.match.view == "pages.views.data"
    handed = environment_of(exchange)
    expected = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/json/",
        "QUERY_STRING": "mark=environment",
        "REQUEST_URI": "/json/?mark=environment",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_PORT": str(served.serving.port),
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_X_COLOUR": "orange",
        "HTTP_COOKIE": "sessionid=•••••",
        "HTTP_AUTHORIZATION": "Basic •••••",
        "DJANGO_SETTINGS_MODULE": "testproject.settings",
    }
    assert {name: handed.get(name) for name in expected} == expected
    assert "secret" not in str(handed)
    assert exchange.client == f"127.0.0.1:{handed['REMOTE_PORT']}"
    assert exchange.server.name == handed["SERVER_SOFTWARE"].partition("/")[0]
    # What our own process was started with is not taken for the request's.
    assert not {"LISTEN_FDS", "LISTEN_PID", "GATEWAY_CHANNEL", "NGINX"} & handed.keys()


def test_path_with_an_encoded_slash_and_other_alphabets(served: Site) -> None:
    head, body = head_and_body(served.ask("/json/a%2Fb/%C3%A9%20c/?mark=path"))
    assert head.startswith(b"HTTP/1.1 404 ")
    assert "/json/a/b/é c/" in body.decode()
    exchange = served.recorded("mark=path")
    assert exchange.path == "/json/a/b/é c/"
    assert environment_of(exchange)["PATH_INFO"] == "/json/a/b/é c/"
    assert environment_of(exchange)["REQUEST_URI"] == "/json/a%2Fb/%C3%A9%20c/?mark=path"


def test_each_request_has_a_process_that_ends(served: Site) -> None:
    pids = set()
    for number in range(2):
        served.ask(f"/json/?mark=process-{number}")
        pids.add(served.recorded(f"mark=process-{number}").server.pid)
    assert len(pids) == 2
    for pid in pids:
        until(lambda pid=pid: not psutil.pid_exists(pid), f"the process {pid} is still there")  # type: ignore[misc]


def test_cost_of_the_process(served: Site) -> None:
    served.ask("/json/?mark=cost")
    exchange = served.recorded("mark=cost")
    process = phases.process(exchange)
    assert process is not None
    # Whoever's word is nearest: on a busy machine the kernel's tick lies between the request and the process.
    assert process.source in ({"kernel"} if served.server == "lighttpd" else {"kernel", "server"})
    assert process.interpreter is not None
    assert process.recorder is not None
    assert process.application is not None
    assert exchange.duration is not None
    instants = [0, process.interpreter, process.recorder, process.application, exchange.duration]
    assert instants == sorted(set(instants)), "each step takes its time, and all of them lie within the exchange"
    middleware, view = phases.middleware(exchange), phases.view(exchange)
    assert len(middleware) == 7
    assert view is not None
    assert process.application < middleware[0].started < view.started
    assert exchange.split.process == process.application
    assert process.modules is not None
    assert process.modules > 300
    # CPU time: some before the application, more in all, and never more than the time that passed.
    assert process.cpu_before is not None
    assert process.cpu is not None
    assert 0 < process.cpu_before < process.cpu
    assert process.cpu_before < process.application
    assert process.memory is not None
    assert process.memory > 10 << 20
    assert process.kept is not None
    assert process.kept > 0
    assert exchange.scheduler is not None
    assert process.cpu_before < exchange.scheduler.running <= process.cpu
    told = document(exchange)["process"]
    assert told["interpreter_ms"] + told["recorder_ms"] + told["import_ms"] < document(exchange)["duration_ms"]


def test_standard_input(served: Site) -> None:
    body = b"colour=orange&password=secret"
    kind = "Content-Type: application/x-www-form-urlencoded"
    _, answer = head_and_body(
        served.ask("/transfers/raw/?mark=stdin", kind, f"Content-Length: {len(body)}", method="POST", body=body)
    )
    assert json.loads(answer)["sha256"] == hashlib.sha256(body).hexdigest()
    exchange = served.recorded("mark=stdin")
    assert exchange.sizes.request_bytes == len(body)
    (started,) = events(exchange, "cgi.stdin.started")
    (finished,) = events(exchange, "cgi.stdin.finished")
    assert exchange.started < started[1] <= finished[1] < (exchange.ended or 0)
    assert finished[2:] == [len(body), None], "of the bytes nothing is kept unless BODY_BYTES says so"


def test_large_upload(served: Site) -> None:
    body = os.urandom(1 << 20) * 20
    _, answer = head_and_body(
        served.ask("/transfers/raw/?mark=upload", f"Content-Length: {len(body)}", method="PUT", body=body)
    )
    told = json.loads(answer)
    assert (told["size"], told["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    exchange = served.recorded("mark=upload")
    assert fields(exchange, "cgi.stdin.finished")[0] == len(body)
    process = phases.process(exchange)
    assert process is not None
    assert process.memory is not None
    assert process.memory < 20 << 20 << 2, "the body is not held as a whole"


def test_stream_comes_piece_by_piece(served: Site) -> None:
    with socket.create_connection((served.serving.host, served.serving.port), timeout=60) as connection:
        connection.sendall(
            b"GET /streams/sync/?count=3&ms=700 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        answer = b""
        while b"line 1 of 3" not in answer:
            answer += connection.recv(65536)
        assert b"line 2" not in answer
        while data := connection.recv(65536):
            answer += data
    assert b"line 3 of 3" in answer
    assert served.recorded("count=3&ms=700").sizes.chunks == 3


def test_client_that_leaves_ends_the_process(served: Site) -> None:
    with socket.create_connection((served.serving.host, served.serving.port), timeout=60) as connection:
        connection.sendall(b"GET /streams/sync/?count=1000&ms=100 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b"line 1 of" not in answer:
            answer += connection.recv(65536)
    exchange = served.recorded("count=1000&ms=100")
    assert exchange.status == 200
    assert 0 < exchange.sizes.chunks < 1000
    assert exchange.failure is None, "a client that leaves is no failure of the project's"
    (reason,) = fields(exchange, "cgi.disconnect")
    assert reason == ("standard output was closed" if served.server == "fcgiwrap" else "SIGTERM")
    until(lambda: not psutil.pid_exists(exchange.server.pid))


def test_error_before_the_response(served: Site) -> None:
    head, body = head_and_body(served.ask("/failures/before/?mark=before"))
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"before there was a response" in body
    exchange = served.recorded("mark=before")
    assert exchange.failure is not None
    assert exchange.failure.type == "failures.views.Broken"
    served.serving.wait_for("failures.views.Broken: before there was a response")


def test_error_in_the_middle_of_the_response(served: Site) -> None:
    answer = served.ask("/failures/middle/?mark=middle")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"and so is the second," in answer
    # Only a host that knows how the script ended can leave the response without an end.
    endless = b"transfer-encoding: chunked" in answer.lower() and not answer.endswith(b"0\r\n\r\n")
    assert endless is (served.server == "embedded")
    exchange = served.recorded("mark=middle")
    assert exchange.failure is not None
    assert exchange.failure.message == "in the middle of the response"
    served.serving.wait_for("failures.views.Broken: in the middle of the response")


def test_redirect_and_head(served: Site) -> None:
    head, body = head_and_body(served.ask("/redirect/"))
    assert head.startswith(b"HTTP/1.1 302 ")
    assert b"\r\nLocation: /about/" in head
    assert body == b""
    head, body = head_and_body(served.ask("/json/?mark=head", method="HEAD"))
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b""
    assert served.recorded("mark=head").method == "HEAD"


def test_static_files_and_the_request_log(served: Site) -> None:
    head, body = head_and_body(served.ask("/static/admin/css/base.css?mark=static"))
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"body {" in body
    served.serving.wait_for('"GET /static/admin/css/base.css?mark=static HTTP/1.1" 200')
    assert served.recorded("mark=static").path == "/static/admin/css/base.css"


def test_several_at_a_time(served: Site) -> None:
    """Four requests that sleep for a second each: while the last still sleeps the first must have begun."""
    sockets = []
    for number in range(4):
        connection = socket.create_connection((served.serving.host, served.serving.port), timeout=60)
        connection.sendall(f"GET /work/sleep/?ms=1000&n={number} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        sockets.append(connection)
    for connection in sockets:
        with connection:
            while connection.recv(65536):
                pass
    found: list[Any] = [served.recorded(f"ms=1000&n={number}") for number in range(4)]
    begins = max(exchange.started_at for exchange in found)
    ends = min(exchange.started_at + (exchange.duration or 0) for exchange in found)
    assert begins < ends
