"""The panel's JavaScript, module by module: each test of tests/js is one here, in the browser that runs it.

A module is imported from the very file that the panel serves, under the panel's own content security policy, into a
page that has nothing else on it.
"""

from __future__ import annotations

import http.server
import itertools
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

from django_gateway.panel import assets, headers

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parents[1] / "js"
NAMED = re.compile(r'^test\("((?:[^"\\]|\\.)+)"', re.MULTILINE)
FOUND = [(path.name, name) for path in sorted(FOLDER.glob("*.js")) for name in NAMED.findall(path.read_text())]
#: Glue between a page and these modules: what they do is tested where the page is.
PAGES = {"journey.js", "learn.js", "list.js", "routes.js", "topology.js"}


POLICY = "; ".join(headers.POLICY).format(nonce="")


class Handler(http.server.BaseHTTPRequestHandler):
    """Modules, tests, and the answers that the panel's addresses give."""

    protocol_version = "HTTP/1.1"
    numbers = itertools.count(1)

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.startswith("/static/"):
            asset = assets.load().files[parts.path.removeprefix("/static/")]
            self.answer(asset.content, asset.type)
        elif parts.path.startswith("/js/"):
            self.answer((FOLDER / Path(parts.path).name).read_bytes(), assets.TYPES[".js"])
        elif parts.path == "/check":
            self.json(checked(query.get("q", "")))
        elif parts.path == "/poll":
            cursor = int(query["cursor"])
            row = {"row": {"id": f"{cursor} {query['q']}"}}
            self.json({"cursor": cursor + 1, "exchanges": [row], "recorded": cursor, "forgotten": []})
        elif parts.path == "/refused":
            self.json({"error": "the store is locked"}, status=503)
        elif parts.path == "/stream":
            self.stream(int(self.headers.get("Last-Event-ID") or query["cursor"]))
        elif parts.path == "/markup":
            self.answer(f"<!doctype html><body>{query['text']}".encode(), "text/html; charset=utf-8")
        elif parts.path == "/text":
            self.answer(b"curl 'http://127.0.0.1/'", "text/plain; charset=utf-8")
        else:
            part = f'<p id="part">{next(self.numbers)}</p>'
            page = f'<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Modules</title><body>{part}'
            self.answer(page.encode(), "text/html; charset=utf-8")

    def json(self, value: object, status: int = 200) -> None:
        self.answer(json.dumps(value).encode(), "application/json", status)

    def answer(self, content: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(content)

    def stream(self, after: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"retry: 20\n\n")
        for number in range(after + 1, after + 4):
            data = json.dumps({"row": {"id": str(number)}})
            self.wfile.write(f"event: exchange\nid: {number}\ndata: {data}\n\n".encode())
        self.close_connection = True


def checked(text: str) -> dict[str, object]:
    at = text.find("hops:many")
    return {"problem": ""} if at < 0 else {"problem": "takes a number", "start": at, "end": at + 9}


@pytest.fixture(scope="module")
def modules() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("file", "name"), FOUND, ids=[f"{file}: {name}" for file, name in FOUND])
def test_module(file: str, name: str, modules: str, browser_page: Page) -> None:
    browser_page.goto(modules)
    browser_page.evaluate(
        """async ([file, name]) => {
            await import(`/js/${file}`);
            const { tests } = await import("/js/harness.js");
            await tests.get(name)();
        }""",
        [file, name],
    )


@pytest.fixture
def browser_page(context: BrowserContext) -> Page:
    """Of these pages the console may speak: some tests have the server refuse, which the browser notes there."""
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context.new_page()


def test_every_module_with_logic_has_tests() -> None:
    modules = {name for name in assets.load().files if name.endswith(".js")}
    assert modules - PAGES == {file for file, _ in FOUND}
    written = sum(path.read_text().count("\ntest(") for path in FOLDER.glob("*.js"))
    assert len(FOUND) == written
