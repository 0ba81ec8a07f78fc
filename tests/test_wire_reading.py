"""What is read beside the bytes' way: framing, kept beginnings, hidden secrets, and which exchange it belongs to."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_gateway.concealment import HIDDEN
from django_gateway.exchange import Summary, format_id, summarise
from django_gateway.redaction import Redactor
from django_gateway.wire import record
from django_gateway.wire.addresses import Addresses
from django_gateway.wire.joining import PATIENCE, Joiner
from django_gateway.wire.relay import written
from django_gateway.wire.talk import Seen, Talk
from factories import stream

REQUESTS = (
    b"POST /form?token=abc&page=2 HTTP/1.1\r\nHost: here\r\nCookie: sessionid=planted; theme=dark\r\n"
    b"Content-Length: 11\r\n\r\nhello=world"
    b"GET /next HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer planted\r\n\r\n"
    b"PUT /in/chunks HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n6;x=y\r\nsixsix\r\n0\r\nA: b\r\n\r\n"
    b"HEAD /head HTTP/1.1\r\nHost: here\r\n\r\n"
)
RESPONSES = (
    b"HTTP/1.1 100 Continue\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: sessionid=planted; Path=/\r\n\r\nfirst"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    b"HTTP/1.1 204 No Content\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
)


def heard(pieces: Iterable[tuple[str, bytes]], kept: int = 0) -> list[Seen]:
    seen: list[Seen] = []
    talk = Talk("127.0.0.1:1", "127.0.0.1:2", seen.append, tls=False, kept=kept)
    for who, data in pieces:
        (talk.from_client if who == "client" else talk.from_server)(data)
    talk.end()
    return seen


def facts(seen: list[Seen]) -> list[Any]:
    return [
        (
            one.number,
            one.request.start.split(b" ")[1],
            one.request.body,
            one.request.framing,
            bytes(one.request.excerpt),
            one.response and (one.response.start, one.response.body, one.response.chunks, one.response.complete),
        )
        for one in seen
    ]


EXPECTED = [
    (1, b"/form?token=abc&page=2", 11, "length", b"hello=", (b"HTTP/1.1 200 OK", 5, 0, True)),
    (2, b"/next", 0, "none", b"", (b"HTTP/1.1 200 OK", 5, 2, True)),
    (3, b"/in/chunks", 10, "chunked", b"foursi", (b"HTTP/1.1 204 No Content", 0, 0, True)),
    (4, b"/head", 0, "none", b"", (b"HTTP/1.1 200 OK", 0, 0, True)),
]


def test_pipelined_requests_and_their_responses() -> None:
    seen = heard([("client", REQUESTS), ("server", RESPONSES)], kept=6)
    assert facts(seen) == EXPECTED
    assert [message.start for message in seen[0].interim] == [b"HTTP/1.1 100 Continue"]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_wherever_the_bytes_are_cut(first: list[int], second: list[int]) -> None:
    pieces = [*cut("client", REQUESTS, first), *cut("server", RESPONSES, second)]
    assert facts(heard(pieces, kept=6)) == EXPECTED


def cut(who: str, data: bytes, sizes: list[int]) -> list[tuple[str, bytes]]:
    pieces = []
    for size in sizes:
        pieces.append((who, data[:size]))
        data = data[size:]
    return [*pieces, (who, data)]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_borne(first: bytes, second: bytes) -> None:
    heard([("client", first), ("server", second), ("client", b"\r\n\r\n"), ("server", b"\r\n\r\n")])


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"x" * 70_000,
    ],
)
def test_what_cannot_be_read_is_read_no_further(request_bytes: bytes) -> None:
    seen = heard([("client", request_bytes), ("client", b"GET /other HTTP/1.1\r\n\r\n")])
    assert all(b"/other" not in one.request.start for one in seen)


def test_a_response_that_ends_with_the_connection_and_one_that_breaks_off() -> None:
    asked = ("client", b"GET / HTTP/1.1\r\n\r\n")
    (whole,) = heard([asked, ("server", b"HTTP/1.1 200 OK\r\n\r\nuntil the end")])
    assert whole.response is not None
    assert (whole.response.framing, whole.response.body, whole.response.complete) == ("close", 13, True)
    (cut_off,) = heard([asked, ("server", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf")])
    assert cut_off.response is not None
    assert (cut_off.response.body, cut_off.response.complete) == (4, False)


def test_an_upgraded_connection_is_counted_and_not_read() -> None:
    (seen,) = heard(
        [
            ("client", b"GET /echo/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
            ("server", b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02hi"),
            ("client", b"\x81\x85secretGET / HTTP/1.1\r\n\r\n"),
        ]
    )
    assert seen.upgraded == (26, 4)
    assert "secret" not in str(record.data(seen, Redactor(), 100))


# What is kept


def test_secrets_are_hidden_and_the_rest_is_as_it_was() -> None:
    seen = heard([("client", REQUESTS), ("server", RESPONSES)], kept=100)
    told = [record.data(one, Redactor(), 100) for one in seen]
    assert "planted" not in str(told)
    assert told[0]["request"]["head"] == (
        f"POST /form?token={HIDDEN}&page=2 HTTP/1.1\r\nHost: here\r\nCookie: sessionid={HIDDEN}; theme={HIDDEN}\r\n"
        "Content-Length: 11\r\n\r\n"
    )
    assert told[0]["request"]["excerpt"] == "hello=world"
    assert told[1]["request"]["headers"][1] == ["Authorization", f"Bearer {HIDDEN}"]
    msgspec.msgpack.encode(told)


@pytest.mark.parametrize(
    ("kind", "body", "kept", "excerpt"),
    [
        ("text/plain", "grün".encode(), 3, "gr"),
        ("application/json", b'{"password": "planted", "a": 1}', 100, f'{{"password": "{HIDDEN}", "a": 1}}'),
        ("application/x-www-form-urlencoded", b"password=planted&a=1", 100, f"password={HIDDEN}&a=1"),
        ("multipart/form-data; boundary=x", b'--x\r\nname="password"\r\n\r\nplanted', 100, HIDDEN),
        ("image/png", b"\x89PNG\xff\xfe", 100, b"\x89PNG\xff\xfe"),
        ("text/plain", b"anything", 0, None),
    ],
)
def test_the_beginning_of_a_body(kind: str, body: bytes, kept: int, excerpt: str | bytes | None) -> None:
    head = f"POST / HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    (seen,) = heard([("client", head.encode() + body)], kept=kept)
    assert record.data(seen, Redactor(), kept)["request"]["excerpt"] == excerpt


def test_a_long_head_is_cut() -> None:
    (seen,) = heard([("client", b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 60_000 + b"\r\n\r\n")])
    told = record.data(seen, Redactor(), 0)["request"]
    assert len(told["head"]) <= 16_384
    assert len(told["headers"][0][1]) < 9_000


# Which exchange it belongs to


class Shelf:
    """Of a store, what the joiner uses."""

    def __init__(self) -> None:
        self.put: list[Summary] = []
        self.parts: dict[str, Any] = {}

    def since(self, cursor: int, *, limit: int = 200) -> tuple[int, list[Summary]]:
        return len(self.put), ([] if cursor < 0 else self.put[cursor:])

    def attach_all(self, parts: Iterable[Any]) -> None:
        self.parts |= {part.key: part.data["request"]["head"] for part in parts}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def seen_of(target: str, port: str, told: str = "", status: int = 200) -> Seen:
    header = f"X-Gateway-Exchange: {told}\r\n" if told else ""
    (seen,) = heard(
        [
            ("client", f"GET {target} HTTP/1.1\r\n\r\n".encode()),
            ("server", f"HTTP/1.1 {status} OK\r\n{header}Content-Length: 0\r\n\r\n".encode()),
        ]
    )
    seen.known_as = port
    return seen


def summary(number: int, path: str, client: str, status: int = 200) -> Summary:
    made = summarise(stream())
    return msgspec.structs.replace(
        made, id=number, type="http", method="GET", path=path, query="", client=client, status=status,
        started_at=time.time_ns(),
    )  # fmt: skip


def joined(shelf: Shelf, *seen: Seen, wait: float = 0.0) -> dict[str, Any]:
    clock = Clock()
    joiner = Joiner(shelf, Redactor(), clock=clock)  # type: ignore[arg-type]
    joiner._cursor = 0
    for one in seen:
        joiner.add(one)
    joiner.settle()
    clock.now += wait
    joiner.settle()
    return {key: head.split(" ")[1] for key, head in shelf.parts.items()}


def test_by_the_port() -> None:
    shelf = Shelf()
    shelf.put = [summary(1, "/a", "127.0.0.1:2001"), summary(2, "/a", "127.0.0.1:2000")]
    one, other = seen_of("/a?n=1", "127.0.0.1:2000"), seen_of("/a?n=2", "127.0.0.1:2001")
    assert joined(shelf, one, other) == {format_id(2): "/a?n=1", format_id(1): "/a?n=2"}


def test_an_exchange_that_ends_long_after_its_client_has_left() -> None:
    shelf, clock = Shelf(), Clock()
    joiner = Joiner(shelf, Redactor(), clock=clock)  # type: ignore[arg-type]
    joiner.add(seen_of("/slow", "127.0.0.1:2000"))
    late = summary(1, "/slow", "127.0.0.1:2000")
    for _ in range(40):
        clock.now += 0.5
        joiner.settle()
    assert joiner.waits
    shelf.put.append(late)
    joiner.settle()
    assert list(shelf.parts) == [format_id(1)]
    assert not joiner.waits


def test_what_nobody_claims_is_forgotten() -> None:
    shelf = Shelf()
    shelf.put = [summary(number, "/a", f"127.0.0.1:{number}") for number in range(20_000)]
    clock = Clock()
    joiner = Joiner(shelf, Redactor(), clock=clock)  # type: ignore[arg-type]
    joiner._cursor = 0
    joiner.settle()
    assert len(joiner._by_id) == 16_384
    clock.now += PATIENCE + 1
    joiner.settle()
    assert (joiner._by_id, joiner._unclaimed) == ({}, {})


def test_one_that_the_server_answered_by_itself_takes_no_other_exchange() -> None:
    shelf = Shelf()
    refused = seen_of("/a?n=1", "127.0.0.1:2000", status=400)
    shelf.put = [summary(1, "/a", "127.0.0.1:2000"), summary(2, "/b", "127.0.0.1:2000")]
    assert joined(shelf, refused, seen_of("/a?n=2", "127.0.0.1:2000")) == {format_id(1): "/a?n=2"}


def test_by_the_id_where_servers_tell_no_port() -> None:
    shelf = Shelf()
    shelf.put = [summary(1, "/a", "127.0.0.1"), summary(2, "/a", "127.0.0.1")]
    one, other = seen_of("/a?n=1", "127.0.0.1:7", format_id(2)), seen_of("/a?n=2", "127.0.0.1:8", format_id(1))
    assert joined(shelf, one, other) == {format_id(2): "/a?n=1", format_id(1): "/a?n=2"}


def test_an_id_that_is_not_this_requests_is_not_believed() -> None:
    shelf = Shelf()
    shelf.put = [summary(1, "/other", "127.0.0.1:7")]
    assert joined(shelf, seen_of("/a", "127.0.0.1:7", format_id(1)), wait=PATIENCE + 1) == {}


def test_without_port_and_id_only_what_can_be_no_other() -> None:
    shelf = Shelf()
    shelf.put = [summary(1, "/a", "127.0.0.1"), summary(2, "/b", "127.0.0.1"), summary(3, "/b", "127.0.0.1")]
    assert joined(shelf, seen_of("/a?n=1", "127.0.0.1:7"), wait=1.5) == {format_id(1): "/a?n=1"}
    assert joined(shelf, seen_of("/b?n=1", "127.0.0.1:7"), wait=1.5) == {format_id(1): "/a?n=1"}


def test_from_where_the_relay_connects() -> None:
    addresses = Addresses("127.0.0.2")
    assert addresses.of(("127.0.0.9", 5)) == "127.0.0.9"
    assert addresses.of(("::ffff:127.0.0.9", 5, 0, 0)) == "127.0.0.9"
    assert addresses.of("") == "127.0.0.1"
    # Documentation's addresses are nobody's.
    far = [addresses.of((address, 5)) for address in ("203.0.113.1", "203.0.113.2", "203.0.113.1", "2001:db8::1")]
    assert far == ["127.128.0.1", "127.128.0.2", "127.128.0.1", "127.128.0.3"]
    assert Addresses("::1").of(("::1", 5, 0, 0)) == "::1"
    assert Addresses("::1").of(("2001:db8::1", 5, 0, 0)) == "::1"
    assert (written(("127.0.0.1", 5)), written("")) == ("127.0.0.1:5", "")
