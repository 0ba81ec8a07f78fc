"""What lines of proxies' logs say, and why a proxy answered as it did."""

from __future__ import annotations

import json
from typing import Any

import pytest

import factories
from django_gateway.document import document
from django_gateway.exchange import Handover
from django_gateway.proxied import proxied
from django_gateway.proxies import Sight, get
from django_gateway.proxies.reasons import reason

NGINX: dict[str, Any] = {
    "time": "1700000001.500",
    "request_id": "r-1",
    "client": "127.0.0.1",
    "method": "GET",
    "host": "localhost",
    "path": "/a?b=c",
    "protocol": "HTTP/1.1",
    "scheme": "http",
    "status": "200",
    "completion": "OK",
    "request_bytes": "80",
    "sent_bytes": "1400",
    "body_bytes": "1100",
    "request_time": "0.500",
    "connect_time": "0.001",
    "header_time": "0.300",
    "response_time": "0.310",
    "upstream": "unix:/a.sock",
    "upstream_status": "200",
    "upgrade": "",
    "tls": "",
    "pid": "42",
    "connection": "7",
    "user_agent": 'with "quotes"',
}


def nginx(**changes: Any) -> Sight:
    sight = get("nginx").sight(json.dumps({**NGINX, **changes}).encode())
    assert sight is not None
    return sight


def test_nginx() -> None:
    sight = nginx()
    assert (sight.started_at, sight.total) == (1_700_000_001_000_000_000, 500_000_000)
    assert (sight.connect, sight.first_byte, sight.last_byte) == (1_000_000, 300_000_000, 310_000_000)
    assert (sight.path, sight.query, sight.request_id, sight.pid) == ("/a", "b=c", "r-1", 42)
    assert (sight.complete, sight.reached, sight.upstream_status) == (True, True, 200)


def test_nginx_after_it_asked_two() -> None:
    sight = nginx(upstream="10.0.0.1:80, 10.0.0.2:80", connect_time="-, 0.002", header_time="-, 0.100")
    assert (sight.upstream, sight.connect, sight.first_byte) == ("10.0.0.2:80", 2_000_000, 100_000_000)


def test_apache_writes_what_is_no_json() -> None:
    line = (
        rb'{"seconds":"1700000000","microseconds":"000250","request_id":"abc","client":"127.0.0.1","method":"GET",'
        rb'"host":"x","path":"/\xc3\xa4\\x41\"","protocol":"HTTP/1.1","status":"200","completion":"X",'
        rb'"body_bytes":"1","request_bytes":"80","sent_bytes":"90","request_time_us":"2000","first_byte_us":"1500",'
        rb'"handler":"proxy-server","upstream":"-","tls":"-","pid":"9","user_agent":"-"}'
    )
    sight = get("apache").sight(line)
    assert sight is not None
    assert sight.target == '/\u00c3\u00a4\\x41"'
    assert (sight.started_at, sight.total, sight.first_byte) == (1_700_000_000_000_250_000, 2_000_000, 1_500_000)
    assert (sight.complete, sight.upstream, sight.user_agent) == (False, "", None)


REQUEST = {"remote_ip": "127.0.0.1", "remote_port": "5", "proto": "HTTP/2.0", "method": "GET", "uri": "/a"}


def caddy(*lines: dict[str, Any]) -> list[Sight | None]:
    parse = get("caddy").parser()
    return [parse(json.dumps(line).encode()) for line in lines]


def test_caddys_two_lines_are_one_request() -> None:
    told = {"ts": 1700000000.4, "msg": "upstream roundtrip", "upstream": "unix//a.sock", "duration": 0.3, "status": 200}
    asked = {**told, "request": {**REQUEST, "headers": {"X-Request-Id": ["r-1"]}}}
    ended = {"ts": 1700000000.5, "msg": "handled request", "duration": 0.45, "size": 12, "status": 200}
    first, second, alone = caddy(asked, {**ended, "request": REQUEST}, {**ended, "request": REQUEST})
    assert first is None
    assert second is not None
    assert (second.request_id, second.upstream, second.upstream_status) == ("r-1", "/a.sock", 200)
    assert second.asked == pytest.approx(50_000_000, abs=1_000)
    assert alone is not None
    assert (alone.request_id, alone.upstream) == (None, None)


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"{}", b'{"time": 1}', b"\xff", b'{"msg": "handled request"}'])
@pytest.mark.parametrize("name", ["nginx", "apache", "caddy"])
def test_lines_that_are_none(name: str, line: bytes) -> None:
    assert get(name).parser()(line) is None


@pytest.mark.parametrize(
    ("sight", "words"),
    [
        (nginx(), None),
        (nginx(status="404", upstream_status="404"), None),
        (nginx(completion=""), "The client left before it had all of the answer."),
        (nginx(status="499", header_time="-", upstream_status="-"), "The client left before the application had"),
        (
            nginx(status="499", header_time="", upstream="", upstream_status=""),
            "The client left before the application was",
        ),
        (nginx(status="502", connect_time="-", header_time="-", upstream_status="502"), "nginx could not connect"),
        (nginx(status="502", header_time="-", upstream_status="502"), "The application's worker closed the connection"),
        (nginx(status="502", upstream_status="502"), None),
        (nginx(status="504", header_time="-", upstream_status="504"), "The application had answered nothing"),
        (nginx(upstream="", path="/static/a.css"), "A file, which nginx served itself."),
        (nginx(upstream="", path="/static/a.css", status="404"), "nginx found no such file."),
        (nginx(upstream="", path="/static/a.css", status="304"), "The client has the file already"),
        (nginx(upstream="", status="400"), "nginx could not understand the request."),
        (nginx(upstream="", status="413"), "The body is larger than what nginx lets through."),
        (nginx(upstream="", status="308"), "nginx answered with another address."),
        (nginx(upstream="", status="000"), "nginx closed the connection without an answer."),
        (nginx(upstream="", status="418"), "nginx answered itself."),
    ],
)
def test_reasons(sight: Sight, words: str | None) -> None:
    told = reason(sight, "nginx", ["/static/"])
    assert told is None if words is None else told is not None and told.startswith(words)


# Beside the exchange


def part(sight: Sight) -> dict[str, Any]:
    import msgspec

    return {"name": "nginx", "title": "nginx", "version": "1", "reason": None, **msgspec.to_builtins(sight)}


@pytest.mark.parametrize("start", ["t=1700000001.100", "t=1700000001100", "t=1700000001100000"])
def test_the_phases_of_a_request(start: str) -> None:
    """200 ms until the application was asked, 40 ms until it was called."""
    exchange = factories.wsgi_page(
        started_at=1_700_000_001_140_000_000,
        handover=Handover("environ", [["HTTP_X_REQUEST_START", start]]),
        parts={"proxy": part(nginx())},
    )
    told = document(exchange)["proxy"]
    assert told["at_ms"] == -140
    assert [told[f"{name}_ms"] for name in ("receiving", "connecting", "waiting", "answering", "sending")] == [
        100, 1, 299, 10, 90,
    ]  # fmt: skip
    assert (told["total_ms"], told["queue_ms"], told["worker"]) == (500, 40, exchange.server.pid)


def test_the_phases_always_fill_the_time() -> None:
    for changes in ({}, {"header_time": "-"}, {"upstream": ""}, {"response_time": "9"}, {"connect_time": "-"}):
        for start in ("t=1700000001.100", "t=1699999999.000", "t=1800000000.000", "nonsense"):
            exchange = factories.asgi_page(
                handover=Handover("scope", [["headers", [["x-request-start", start]]]]),
                parts={"proxy": part(nginx(**changes))},
            )
            seen = proxied(exchange)
            assert seen is not None
            assert sum(phase.finished - phase.started for phase in seen.phases) == seen.total
            assert all(phase.finished >= phase.started for phase in seen.phases)
            assert seen.started <= 0


def test_an_exchange_that_no_proxy_has_seen() -> None:
    assert document(factories.wsgi_page())["proxy"] is None
    assert document(factories.wsgi_page(parts={"proxy": "nonsense"}))["proxy"] is None
