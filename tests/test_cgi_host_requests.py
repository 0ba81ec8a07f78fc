"""Requests that the embedded host for CGI refuses (RFC 9112)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cgi_scripts import Host, status


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    made = Host(tmp_path_factory.mktemp("host"))
    yield made
    made.end()


GET = b"GET /echo HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
MALFORMED = {
    "no request": b"nonsense\r\n\r\n",
    "another protocol": b"GET /echo SPDY/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET /echo HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: y\r\n\r\n",
    "space before the colon": GET + b"X-A : 1\r\n\r\n",
    "folded header": GET + b"X-A: 1\r\n 2\r\n\r\n",
    "control character": GET + b"X-A: \x00\r\n\r\n",
    "bare newline": GET + b"X-A: 1\nX-B: 2\r\n\r\n",
    "no path": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "length in other digits": POST + "Content-Length: ²\r\n\r\n".encode("latin-1"),
    "length and chunks": CHUNKED + b"Content-Length: 1\r\n\r\n0\r\n\r\n",
    "no size of a chunk": CHUNKED + b"\r\nzz\r\n",
    "chunk longer than it says": CHUNKED + b"\r\n1\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=list(MALFORMED))
def test_malformed_requests(host: Host, data: bytes) -> None:
    assert status(host.raw(data)) == "400 Bad Request"


def test_requests_that_are_refused_for_other_reasons(host: Host) -> None:
    assert status(host.raw(b"GET /echo HTTP/2.0\r\nHost: x\r\n\r\n")) == "505 HTTP Version Not Supported"
    other = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    assert status(host.raw(other)) == "501 Not Implemented"
    long = b"GET /echo HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n"
    assert status(host.raw(long)) == "431 Request Header Fields Too Large"
    assert status(host.ask("/echo")) == "200 OK", "and it lives"


def test_no_traceback_in_all_that(host: Host) -> None:
    assert "Traceback" not in host.stderr(), host.stderr()
    assert "never retrieved" not in host.stderr()
