"""Exchanges of every kind in which every recorded word is somebody's attack."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

import depth_factories
import factories
from django_gateway.exchange import Close, Exchange, Frame, Handover, Server
from django_gateway.redaction import Redactor
from django_gateway.wire import record
from django_gateway.wire.talk import Seen, Talk

MARKUP: Final = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>{{ 7 }}{% now %}"
#: Terminal escapes, a null, line ends, and characters that turn text round or hide it.
CONTROLS: Final = "\x1b[2J\x00\r\nSet-Cookie: a=b\u202e\u2066evil\u200b\u2028"
#: Bytes that are no UTF-8, as servers hand them over (latin-1) and as others replace them.
NO_UTF8: Final = "caf\xe9 \xff\xfe\x80 \ufffd"
LARGE: Final = "A" * 1_000_000
T = TypeVar("T")


class Poison:
    """Puts ``text`` in the place of strings: of all, or of each ``every``-th."""

    def __init__(self, text: str, every: int = 1) -> None:
        self.text = text
        self.every = every
        self._met = 0

    def __call__(self, exchange: Exchange) -> Exchange:
        """Everything but what says which kind of exchange, event, fact or part it is."""
        self._met = 0
        handed = exchange.handover
        return msgspec.structs.replace(
            exchange,
            method=None if exchange.method is None else self.text[:40],
            path=f"/{self.text}",
            query=self.text,
            client=self.text,
            server=Server(self.text, self.text, exchange.server.pid, self.text, self.text),
            handover=None if handed is None else Handover(handed.kind, self._any(handed.entries)),
            match=self._struct(exchange.match),
            headers=self._any(exchange.headers),
            trail=[[*event[:2], *map(self._any, event[2:])] for event in exchange.trail],
            failure=self._struct(exchange.failure),
            close=exchange.close and Close(exchange.close.code, exchange.close.by, self.text),
            unseen=[self.text],
            threads=dict.fromkeys(exchange.threads, self.text),
            parts={kind: self._any(data) for kind, data in exchange.parts.items()},
            facts=[[name, self._any(data)] for name, data in exchange.facts],
            stack=None if exchange.stack is None else [self._struct(frame) for frame in exchange.stack],
        )

    def _struct(self, value: T) -> T:
        return value if value is None else msgspec.convert(self._any(msgspec.to_builtins(value)), type(value))

    def _any(self, value: Any) -> Any:
        if isinstance(value, str):
            self._met += 1
            return self.text if self._met % self.every == 0 else value
        if isinstance(value, (list, tuple)):
            return [self._any(each) for each in value]
        if isinstance(value, dict):
            # How a body was framed is a word of our own.
            return {key: each if key == "framing" else self._any(each) for key, each in value.items()}
        return value


def hanging() -> Exchange:
    frame = Frame("/srv/shop/views.py", 41, "pay", "return charge(order)")
    return msgspec.structs.replace(factories.in_flight(), stack=[frame])


def on_the_wire() -> Exchange:
    found: list[Seen] = []
    talk = Talk("127.0.0.1:40000", "127.0.0.1:50000", found.append, tls=False, kept=50)
    talk.from_client(b"GET /?a=1 HTTP/1.1\r\nHost: here\r\nX-Odd: a\r\n\r\n")
    talk.from_server(b"HTTP/1.1 200 OK\r\nServer: it\r\nContent-Length: 5\r\n\r\nhello")
    talk.end()
    return factories.wsgi_page(parts={"wire": record.data(found[0], Redactor(), 50)})


EVERY_KIND: Final = (
    depth_factories.from_within,
    depth_factories.through_channels,
    factories.failure,
    factories.asgi_page,
    factories.websocket,
    hanging,
    on_the_wire,
    factories.cgi_page,
)
