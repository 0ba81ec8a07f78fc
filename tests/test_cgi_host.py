"""The embedded host for CGI: HTTP on one side, scripts of any kind on the other (RFC 3875, RFC 9112)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cgi_scripts import Host, status
from cgi_serving import gone
from serving import until


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    made = Host(tmp_path_factory.mktemp("host"))
    yield made
    made.end()


def test_variables(host: Host) -> None:
    handed = host.environment(
        "/echo?a=%20b",
        "X-Twice: one",
        "X-Twice: two",
        "Cookie: a=1",
        "Cookie: b=2",
        "Content-Type: text/x",
        "Accept: a/b",
    )
    expected = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.0",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": str(host.port),
        "SERVER_ADDR": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/echo?a=%20b",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/echo",
        "QUERY_STRING": "a=%20b",
        "CONTENT_TYPE": "text/x",
        "HTTP_ACCEPT": "a/b",
        "HTTP_X_TWICE": "one, two",
        "HTTP_COOKIE": "a=1; b=2",
        "stdin": "",
    }
    assert {name: handed.get(name) for name in expected} == expected
    assert handed["REMOTE_PORT"].isdecimal()
    assert handed["SERVER_SOFTWARE"].startswith("gatewayserve/")
    assert int(handed["GATEWAY_RECEIVED"]) > 1_700_000_000_000_000
    # Without a body there is no length of one (RFC 3875, 4.1.2).
    assert "CONTENT_LENGTH" not in handed


def test_what_a_client_must_not_set(host: Host) -> None:
    handed = host.environment("/echo", "Proxy: http://evil", "X_Forwarded_For: spoofed", "Content_Length: 7")
    # Nor is it our own environment's: that name is the request's alone.
    assert "HTTP_PROXY" not in handed
    assert "HTTP_X_FORWARDED_FOR" not in handed
    assert "HTTP_CONTENT_LENGTH" not in handed


def test_paths(host: Host) -> None:
    assert host.environment("/%65cho")["PATH_INFO"] == "/echo"
    assert host.environment("http://elsewhere/echo?x=1")["QUERY_STRING"] == "x=1"
    assert host.environment("/echo?%C3%A9=\xff#fragment")["QUERY_STRING"] == "%C3%A9=\udcff#fragment"
    assert status(host.ask("/echo%00")) == "400 Bad Request"


def test_body(host: Host) -> None:
    handed = host.environment("/echo", "Content-Length: 5", method="POST", body=b"hello")
    assert (handed["CONTENT_LENGTH"], handed["stdin"]) == ("5", "hello")


def test_body_in_chunks_has_a_length(host: Host) -> None:
    body = b"3;name=value\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: x\r\n\r\n"
    handed = host.environment("/echo", "Transfer-Encoding: chunked", method="POST", body=body)
    assert (handed["CONTENT_LENGTH"], handed["stdin"]) == ("5", "hello")
    assert "HTTP_TRANSFER_ENCODING" not in handed


def test_expectation(host: Host) -> None:
    answer = host.ask("/echo", "Content-Length: 5", "Expect: 100-continue", method="POST", body=b"hello")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_status_and_headers(host: Host) -> None:
    answer = host.ask("/status")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == "299 Quite Fine"
    assert b"\r\nDate: " in head
    assert b"\r\nServer: gatewayserve/" in head
    assert b"Connection: x" not in head, "that is for the host to say"
    assert body == b"4\r\nbody\r\n0\r\n\r\n"
    assert host.ask("/status", version="1.0").endswith(b"\r\n\r\nbody"), "HTTP/1.0 knows no chunks"
    assert host.ask("/status", method="HEAD").endswith(b"\r\n\r\n")


def test_length_that_is_wrong(host: Host) -> None:
    assert host.ask("/length").endswith(b"\r\n\r\nlon")
    assert host.ask("/short").endswith(b"shorter")
    with host.connect() as connection:
        connection.sendall(b"GET /short HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionResetError):
            while connection.recv(65536):
                pass
        # The connection was ended: the rest of the response will not come.


def test_redirects(host: Host) -> None:
    answer = host.ask("/client-redirect")
    assert status(answer) == "302 Found"
    assert b"\r\nLocation: http://elsewhere/\r\n" in answer
    # A path is for the host itself (RFC 3875, 6.2.2): the client never hears of it.
    answer = host.ask("/local-redirect", "Content-Length: 3", method="POST", body=b"abc")
    assert status(answer) == "200 OK"
    assert b"QUERY_STRING=from=redirect" in answer
    assert b"REQUEST_METHOD=GET" in answer
    assert status(host.ask("/round")) == "508 Loop Detected"


@pytest.mark.parametrize("path", ["/no-head", "/no-type", "/bad-status", "/nothing"])
def test_scripts_that_say_nothing_of_use(host: Host, path: str) -> None:
    assert status(host.ask(path)) == "502 Bad Gateway"


@pytest.mark.parametrize("path", ["/fails", "/killed"])
def test_a_script_that_fails_in_the_middle_leaves_the_response_without_an_end(host: Host, path: str) -> None:
    answer = host.ask(path)
    assert b"begun," in answer
    assert not answer.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("path", ["/waits", "/deaf"])
def test_a_script_whose_client_has_left_ends(host: Host, path: str) -> None:
    (host.folder / "pid").unlink(missing_ok=True)
    with host.connect() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while b"begun," not in answer:
            answer += connection.recv(65536)
        pid = int((host.folder / "pid").read_text())
        assert not gone(pid)
    until(lambda: gone(pid))


def test_a_script_that_reads_nothing(host: Host) -> None:
    body = b"x" * 5_000_000
    with host.connect() as connection:
        head = f"POST /deaf-to-stdin HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        # The rest of the body is read all the same: the connection is of use for the next request.
        connection.sendall(b"GET /length HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert b"done" in answer
    assert answer.endswith(b"lon")


def test_standard_error_is_the_terminal(host: Host) -> None:
    assert status(host.ask("/says")) == "200 OK"
    assert "said on standard error\n" in host.stderr()


def test_requests_one_after_another_and_all_at_once(host: Host) -> None:
    request = b"GET /length HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with host.connect() as connection, closing(connection.makefile("rb")) as answers:
        for _ in range(2):
            connection.sendall(request)
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            while answers.readline() != b"\r\n":
                pass
            assert answers.read(3) == b"lon"
        connection.sendall(request + b"\r\n" + request + last)
        assert answers.read().count(b"\r\n\r\nlon") == 3


def test_end(tmp_path: Path) -> None:
    """A request in flight is ended, an idle connection closed, and no script is left."""
    host = Host(tmp_path)
    with host.connect() as idle, host.connect() as busy:
        idle.sendall(b"GET /length HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(65536)
        busy.sendall(b"GET /deaf HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b"begun," not in answer:
            answer += busy.recv(65536)
        pid = int((tmp_path / "pid").read_text())
        host.process.send_signal(signal.SIGTERM)
        while idle.recv(65536):
            pass
        assert host.process.wait(30) == 0
    until(lambda: gone(pid))
    assert "Traceback" not in host.stderr()


def test_no_traceback_in_all_that(host: Host) -> None:
    assert "Traceback" not in host.stderr(), host.stderr()
    assert "never retrieved" not in host.stderr()
