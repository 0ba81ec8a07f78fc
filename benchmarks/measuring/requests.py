"""Requests as servers hand them over.

Every contender gets the same sequence. Each request's values are new objects, as a server's parser makes them, and what
differs between visitors (port, user agent, cookie, query, referer) differs here: a recorder that remembers what it has
seen shall not look better than it is.
"""

from __future__ import annotations

import io
import itertools
import random
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final
from wsgiref.util import FileWrapper

BODY: Final = b"hi"
PATH: Final = "/articles/"

_VISITS: Final = 10_000
_PAGES: Final = 50
_ORIGIN: Final = b"https://shop.example.org"
_BROWSERS: Final = [
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36" % version
    for version in range(128, 144)
]
_ALWAYS: Final = [
    (b"Host", b"shop.example.org"),
    (b"Connection", b"keep-alive"),
    (b"sec-ch-ua-mobile", b"?0"),
    (b"sec-ch-ua-platform", b'"Linux"'),
    (b"Upgrade-Insecure-Requests", b"1"),
    (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    (b"Sec-Fetch-Site", b"same-origin"),
    (b"Sec-Fetch-Mode", b"navigate"),
    (b"Sec-Fetch-User", b"?1"),
    (b"Sec-Fetch-Dest", b"document"),
    (b"Accept-Encoding", b"gzip, deflate, br, zstd"),
    (b"Accept-Language", b"en-GB,en;q=0.9,de;q=0.8"),
]

#: What differs: address, port, query, user agent, referer, cookie. Flat: it shall cost the garbage collector nothing.
Visit = tuple[str, int, bytes, bytes, bytes, bytes]


def _visits() -> Iterator[Visit]:
    chance = random.Random(1)
    while True:
        page = chance.randrange(_PAGES)
        token, session = (f"{chance.getrandbits(128):032x}".encode() for _ in range(2))
        yield (
            f"203.0.113.{chance.randrange(1, 255)}",
            chance.randrange(32_768, 61_000),
            b"page=%d&order=newest" % (page + 1),
            chance.choice(_BROWSERS),
            b"%b%b?page=%d" % (_ORIGIN, PATH.encode(), page),
            b"csrftoken=%b; sessionid=%b; theme=dark" % (token, session),
        )


VISITS: Final = list(itertools.islice(_visits(), _VISITS))


def _headers(browser: bytes, referer: bytes, cookie: bytes) -> list[tuple[bytes, bytes]]:
    return [*_ALWAYS, (b"User-Agent", browser), (b"Referer", referer), (b"Cookie", cookie)]


def environs() -> Callable[[], dict[str, Any]]:
    """What makes one environ after the other, as gunicorn does: the same keys in the same order."""
    following = itertools.cycle(VISITS).__next__
    connection = socket.socket()

    def make() -> dict[str, Any]:
        address, port, query, *others = following()
        environ: dict[str, Any] = {
            "wsgi.errors": sys.stderr,
            "wsgi.version": (1, 0),
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input_terminated": True,
            "SERVER_SOFTWARE": "gunicorn/27.0.1",
            "wsgi.input": io.BytesIO(),
            "gunicorn.socket": connection,
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": query.decode(),
            "RAW_URI": f"{PATH}?{query.decode()}",
            "SERVER_PROTOCOL": "HTTP/1.1",
        }
        for name, value in _headers(*others):
            environ["HTTP_" + name.decode().upper().replace("-", "_")] = value.decode("latin-1")
        environ["wsgi.url_scheme"] = "http"
        environ["REMOTE_ADDR"] = address
        environ["REMOTE_PORT"] = str(port)
        environ["SERVER_NAME"] = "127.0.0.1"
        environ["SERVER_PORT"] = "8000"
        environ["PATH_INFO"] = PATH
        environ["SCRIPT_NAME"] = ""
        environ["wsgi.early_hints"] = lambda headers: None
        return environ

    return make


def scopes() -> Callable[[], dict[str, Any]]:
    """What makes one scope after the other, as uvicorn does."""
    following = itertools.cycle(VISITS).__next__

    def make() -> dict[str, Any]:
        address, port, query, *others = following()
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": (address, port),
            "scheme": "http",
            "root_path": "",
            "headers": [(name.lower(), bytes(memoryview(value))) for name, value in _headers(*others)],
            "state": {},
            "method": "GET",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": bytes(memoryview(query)),
        }

    return make
