"""Frames of HTTP/2 read beside their way, as the h2 package makes them, in pieces of any size."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from django_gateway.exchange import format_id
from django_gateway.redaction import Redactor
from django_gateway.servers.base import Certificate
from django_gateway.servers.options import Options
from django_gateway.supervisor import certificates
from django_gateway.supervisor.addresses import Address
from django_gateway.supervisor.plan import Listening
from django_gateway.supervisor.wiring import Wired
from django_gateway.wire import http2, record
from django_gateway.wire.http2 import Talk2
from django_gateway.wire.talk import Seen
from django_gateway.wire.tls import TLS
from test_wire_reading import Shelf, joined, seen_of, summary

ASKED = [(":method", "GET"), (":scheme", "https"), (":authority", "here:8000"), (":path", "/a?token=planted")]
ANSWERED = [(":status", "200"), ("content-type", "text/plain")]


class Connection:
    """Both ends of one, and what was read beside it. Each call says something, and delivers it."""

    def __init__(self, kept: int = 0, size: int = 1 << 20) -> None:
        self.seen: list[Seen] = []
        self.talk = Talk2("127.0.0.1:1", "127.0.0.1:2", self.seen.append, tls=True, kept=kept)
        self.size = size
        self.client = H2Connection(H2Configuration(client_side=True))
        self.server = H2Connection(H2Configuration(client_side=False))
        self.said: list[tuple[bool, bytes]] = []
        self.client.initiate_connection()
        self.server.initiate_connection()
        self.deliver()

    def deliver(self) -> None:
        while True:
            asked, answered = self.client.data_to_send(), self.server.data_to_send()
            if not asked and not answered:
                return
            for ours, data, other in ((True, asked, self.server), (False, answered, self.client)):
                self.said.append((ours, data))
                for at in range(0, len(data), self.size):
                    (self.talk.from_client if ours else self.talk.from_server)(data[at : at + self.size])
                if data:
                    other.receive_data(data)

    def ask(self, stream: int, headers: list[tuple[str, str]] = ASKED, body: bytes | None = None, **more: Any) -> None:
        self.client.send_headers(stream, headers, end_stream=body is None, **more)
        if body is not None:
            self.client.send_data(stream, body, end_stream=True, pad_length=7)
        self.deliver()

    def answer(self, stream: int, body: bytes, trailers: list[tuple[str, str]] | None = None) -> None:
        self.server.send_headers(stream, ANSWERED)
        for at in range(0, len(body), 1000):
            self.server.send_data(stream, body[at : at + 1000])
        if trailers:
            self.server.send_headers(stream, trailers, end_stream=True)
        else:
            self.server.end_stream(stream)
        self.deliver()


@pytest.mark.parametrize("size", [1, 3, 10, 1 << 20])
def test_requests_that_are_answered_in_another_order(size: int) -> None:
    connection = Connection(kept=5, size=size)
    connection.ask(1)
    connection.ask(3, [(":method", "POST"), *ASKED[1:3], (":path", "/b")], b"hello world", priority_weight=7)
    connection.server.send_headers(3, [(":status", "103"), ("link", "</x>; rel=preload")])
    connection.answer(3, b"x" * 2500)
    connection.answer(1, b"one", [("checksum", "abc")])
    first, second = connection.seen
    assert (first.number, second.number) == (2, 1)
    assert first.request.start == b"POST /b HTTP/2"
    assert (first.request.body, bytes(first.request.excerpt), first.request.complete) == (11, b"hello", True)
    assert [message.start for message in first.interim] == [b"HTTP/2 103"]
    assert first.response is not None
    assert (first.response.start, first.response.body, first.response.chunks) == (b"HTTP/2 200", 2500, 3)
    assert first.response.complete
    assert second.request.head == (b"GET /a?token=planted HTTP/2\r\n:scheme: https\r\n:authority: here:8000\r\n\r\n")
    assert second.response is not None
    assert second.response.headers == [(b"content-type", b"text/plain")]
    told = record.data(second, Redactor(), 5)
    assert "planted" not in str(told)
    assert ":authority: here:8000\r\n" in told["request"]["head"]


def test_a_head_of_several_frames_and_one_that_was_promised() -> None:
    connection = Connection()
    connection.ask(1, [*ASKED, *((f"x-{number}", "y" * 1000) for number in range(30))])
    connection.server.push_stream(1, 2, [*ASKED[:3], (":path", "/pushed"), ("x-new", "in the table from now on")])
    connection.deliver()
    connection.server.send_headers(2, [(":status", "200"), ("x-new", "in the table from now on")], end_stream=True)
    connection.answer(1, b"one")
    (seen,) = connection.seen
    assert len(seen.request.headers) == 32
    assert seen.request.size < len(seen.request.head)
    assert seen.response is not None
    assert seen.response.headers == [(b"content-type", b"text/plain")]


def test_the_table_for_heads_may_change() -> None:
    connection = Connection()
    for stream, size in ((1, 16384), (3, 0), (5, 4096)):
        connection.client.update_settings({SettingCodes.HEADER_TABLE_SIZE: size})
        connection.server.update_settings({SettingCodes.HEADER_TABLE_SIZE: size})
        connection.deliver()
        connection.ask(stream, [*ASKED, ("x-stream", f"number {stream}")])
        connection.answer(stream, b"one")
    assert [dict(seen.request.headers)[b"x-stream"] for seen in connection.seen] == [
        b"number 1",
        b"number 3",
        b"number 5",
    ]


def test_a_stream_that_is_reset_and_a_connection_that_ends() -> None:
    connection = Connection()
    connection.ask(1)
    connection.ask(3)
    connection.server.send_headers(3, ANSWERED)
    connection.client.reset_stream(1)
    connection.deliver()
    assert [(seen.number, seen.response) for seen in connection.seen] == [(1, None)]
    connection.talk.end()
    assert connection.seen[1].response is not None
    assert connection.seen[1].response.complete is False


@given(st.data())
def test_nothing_that_is_said_is_too_much(data: st.DataObject) -> None:
    connection = Connection()
    connection.ask(1, body=b"hello")
    connection.answer(1, b"one", [("checksum", "abc")])
    damaged = Talk2("", "", lambda seen: None, tls=True, kept=10)
    for ours, said in connection.said:
        changed = bytearray(said)
        for at in data.draw(st.lists(st.integers(0, max(len(said) - 1, 0)), max_size=3)):
            if changed:
                changed[at] = data.draw(st.integers(0, 255))
        (damaged.from_client if ours else damaged.from_server)(bytes(changed))
    damaged.end()


def alike() -> Iterator[Seen]:
    for _ in range(2):
        seen = seen_of("/a", "127.0.0.1:7")
        seen.multiplexed = True
        yield seen


def test_two_alike_at_the_same_time_are_joined_with_none() -> None:
    shelf = Shelf()
    shelf.put = [summary(1, "/a", "127.0.0.1:7"), summary(2, "/a", "127.0.0.1:7")]
    assert joined(shelf, *alike(), wait=1.5) == {}
    shelf.put = [summary(3, "/c", "127.0.0.1:7")]
    other = seen_of("/c", "127.0.0.1:7")
    other.multiplexed = True
    assert joined(shelf, other, wait=1.5) == {format_id(3): "/c"}


def test_without_the_package_that_reads_heads_it_is_not_offered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = certificates.choose(Options(https=True), ["localhost"], tmp_path)
    assert files is not None
    listening = Listening(address=Address("127.0.0.1", 8000), socket=None)
    wired = Wired(listening=listening, upstream=("127.0.0.2", 8000), certificate=files, proxied=False)
    assert (agreed(files), wired.remarks) == ("h2", [])
    monkeypatch.setattr(http2, "find_spec", lambda name: None)
    assert agreed(files) == "http/1.1"
    assert "HTTP/2 is not offered" in wired.remarks[0]


def agreed(files: Certificate) -> str | None:
    """What the relay speaks with a server that can speak both."""
    tls = TLS(str(files.chain), str(files.key))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    relay = tls.inner(h2=True).wrap_bio(to_client, to_server)
    server = tls.outer(h2=True).wrap_bio(to_server, to_client, server_side=True)
    for side in (relay, server, relay, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return relay.selected_alpn_protocol()
