"""The requests that every server gets: each with what is to be seen of it, on the wire, in the view, in the record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from django.core.handlers.asgi import ASGIRequest

from conformance.client import PATIENCE, Answer, Client

Facts = dict[str, Any]
BODY = bytes(range(256)) * 100
SHA = hashlib.sha256(BODY).hexdigest()


@dataclass(frozen=True)
class Case:
    name: str
    expected: Facts
    target: str
    method: str = "GET"
    version: str = "1.1"
    headers: tuple[str, ...] = ()
    body: bytes = b""
    #: What of the answer is compared.
    observe: Callable[[Answer], Facts] = lambda answer: {}
    #: How the request is sent, where not at once.
    talk: Callable[[Client, bytes, bytes], None] | None = None
    #: What is expected under one interface in place of, or besides, ``expected``.
    wsgi: Facts = field(default_factory=dict)
    asgi: Facts = field(default_factory=dict)

    def head(self, host: str) -> bytes:
        mark = "&" if "?" in self.target else "?"
        lines = (f"{self.method} {self.target}{mark}case={self.name} HTTP/{self.version}", f"Host: {host}")
        return "\r\n".join([*lines, *self.headers, "Connection: close", "", ""]).encode("latin-1")

    def run(self, host: str, port: int, folder: Path, patience: float = PATIENCE) -> Facts:
        client = Client(host, port, folder, patience)
        try:
            head = self.head(f"{host}:{port}")
            if self.talk is None:
                client.send(head + self.body)
            else:
                self.talk(client, head, self.body)
            answer = client.answer(self.method)
        finally:
            client.close()
        return {"status": answer.status, "end": answer.end, **self.observe(answer)}


def told(*names: str) -> Callable[[Answer], Facts]:
    """What the echo view says of these."""

    def observe(answer: Answer) -> Facts:
        said = json.loads(answer.body) if answer.body else {}
        said.get("query", {}).pop("case", None)
        return {name: said.get(name) for name in names}

    return observe


def body(answer: Answer) -> Facts:
    return {"body": answer.body.decode("latin-1")}


def has_body(answer: Answer) -> Facts:
    return {"body": bool(answer.body)}


def cookies_of_django() -> dict[str, str]:
    """What this version of Django makes of two Cookie headers under ASGI."""
    headers = [(b"cookie", b"one=1"), (b"cookie", b"two=2")]
    return dict(ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": headers}, BytesIO()).COOKIES)


def chunked(data: bytes, size: int = 10_000) -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def form(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(b"--edge\r\n%s\r\n\r\n%s\r\n" % (head.encode(), data) for head, data in parts) + b"--edge--\r\n"


def wait_for_continue(client: Client, head: bytes, data: bytes) -> None:
    client.socket.settimeout(1.0)
    client.send(head)
    client.read_until(b"\r\n\r\n")
    client.socket.settimeout(PATIENCE)
    client.send(data)


def read_piecemeal(client: Client, head: bytes, _: bytes) -> None:
    """Say that the first piece is here as soon as it is; the view waits for that before it makes the second."""
    client.send(head)
    if client.read_until(b"first,") and b"too late" not in client.data:
        name = head.partition(b"wait=")[2].partition(b"&")[0].decode()
        (client.folder / name).touch()


def leave(client: Client, head: bytes, _: bytes) -> None:
    client.send(head)
    client.read_until(b"x" * 100)
    client.close()


UPLOAD = form(
    ('Content-Disposition: form-data; name="colour"', "grün".encode()),
    ('Content-Disposition: form-data; name="file"; filename="every byte.bin"', BODY),
)
FINE: Facts = {"status": 200, "end": "complete", "recorded.status": 200, "recorded.cut_short": []}

CASES = [
    Case(
        "path",
        {
            **FINE,
            "path": "/echo/a/b/é c",
            "query": {"x": ["1", "2"], "é": ["ü"], "empty": [""]},
            "recorded.path": "/echo/a/b/é c",
            "recorded.query": "x=1&x=2&%C3%A9=%C3%BC&empty=",
        },
        "/echo/a%2Fb/%C3%A9%20c?x=1&x=2&%C3%A9=%C3%BC&empty=",
        observe=told("path", "query"),
    ),
    Case(
        "method",
        {**FINE, "method": "PROPFIND", "recorded.method": "PROPFIND"},
        "/echo/",
        "PROPFIND",
        observe=told("method"),
    ),
    Case(
        "repeated-header",
        {**FINE, "twice": "one,two"},
        "/echo/",
        headers=("X-Twice: one", "X-Twice: two"),
        # A space after the comma means the same (RFC 9110, 5.3).
        observe=lambda answer: {"twice": (json.loads(answer.body)["twice"] or "").replace(", ", ",")},
    ),
    Case("underscore-header", {**FINE, "under": None}, "/echo/", headers=("X_Under: spoofed",), observe=told("under")),
    Case(
        "cookies",
        {**FINE, "cookies": {"one": "1", "two": "2"}},
        "/echo/",
        headers=("Cookie: one=1; two=2",),
        observe=told("cookies"),
    ),
    Case(
        "repeated-cookie-header",
        {**FINE, "cookies": {"one": "1", "two": "2"}},
        "/echo/",
        headers=("Cookie: one=1", "Cookie: two=2"),
        observe=told("cookies"),
        asgi={"cookies": cookies_of_django()},  # servers hand over both, and Django before 6.1 loses one
    ),
    Case(
        "body",
        {**FINE, "body": [len(BODY), SHA], "recorded.received": len(BODY)},
        "/echo/",
        "PUT",
        headers=(f"Content-Length: {len(BODY)}", "Content-Type: application/octet-stream"),
        body=BODY,
        observe=told("body"),
    ),
    Case(
        "upload",
        {**FINE, "form": {"colour": ["grün"]}, "files": [["every byte.bin", len(BODY), SHA]]},
        "/echo/",
        "POST",
        headers=(f"Content-Length: {len(UPLOAD)}", "Content-Type: multipart/form-data; boundary=edge"),
        body=UPLOAD,
        observe=told("form", "files"),
    ),
    Case(
        "chunked-body",
        {**FINE, "body": True},
        "/echo/",
        "POST",
        headers=("Transfer-Encoding: chunked", "Content-Type: application/octet-stream"),
        body=chunked(BODY),
        observe=lambda answer: {"body": told("body")(answer)["body"] == [len(BODY), SHA]},
    ),
    Case(
        "continue",
        {**FINE, "body": [len(BODY), SHA], "interim": [100]},
        "/echo/",
        "POST",
        headers=(f"Content-Length: {len(BODY)}", "Content-Type: application/octet-stream", "Expect: 100-continue"),
        body=BODY,
        talk=wait_for_continue,
        observe=lambda answer: {**told("body")(answer), "interim": answer.interim},
    ),
    Case("head", {**FINE, "body": False}, "/echo/", "HEAD", observe=has_body),
    Case("head-of-stream", {**FINE, "body": False}, "/stream/", "HEAD", observe=has_body),
    Case("no-content", {"status": 204, "end": "complete", "recorded.status": 204, "body": ""}, "/empty/", observe=body),
    Case(
        "answer",
        {
            "status": 299,
            "end": "complete",
            "recorded.status": 299,
            "body": "answer",
            "reason": "Quite Fine",
            "cookies": ["one=1", "two=2"],
            "made by": ["the view"],
            "server": ["the view"],
            "dates": 1,
            "date of the view": True,
        },
        "/answer/",
        observe=lambda answer: {
            **body(answer),
            "reason": answer.reason,
            "cookies": [value.partition(";")[0] for value in answer.values("set-cookie")],
            "made by": answer.values("x-made-by"),
            "server": [value.partition("/")[0] for value in answer.values("server")],
            "dates": len(answer.values("date")),
            "date of the view": "Thu, 01 Jan 1970 00:00:00 GMT" in answer.values("date"),
        },
    ),
    Case(
        "stream",
        {**FINE, "body": "first,second", "recorded.sent": 12},
        "/stream/?wait=stream",
        observe=body,
        talk=read_piecemeal,
        asgi={"body": "first,too late", "recorded.sent": 14},  # Django collects a sync generator before it sends a byte
    ),
    Case(
        "async-stream",
        {**FINE, "body": "first,second", "recorded.sent": 12},
        "/stream_async/?wait=async-stream",
        observe=body,
        talk=read_piecemeal,
        wsgi={"body": "first,too late", "recorded.sent": 14},  # and an async one under WSGI
    ),
    Case(
        "http-1.0",
        {**FINE, "body": "first,second", "chunked": []},
        "/stream/",
        version="1.0",
        observe=lambda answer: {**body(answer), "chunked": answer.values("transfer-encoding")},
    ),
    Case(
        "error-before",
        {"status": 500, "end": "complete", "recorded.status": 500, "recorded.exception": "RuntimeError"},
        "/before/",
    ),
    Case(
        "error-in-the-middle",
        {"status": 200, "end": "cut", "recorded.status": 200, "recorded.exception": "RuntimeError", "body": "first,"},
        "/middle/",
        observe=body,
    ),
    Case(
        "disconnect",
        {"recorded.status": 200, "recorded.state": "finished"},
        "/forever/",
        talk=leave,
    ),
]
