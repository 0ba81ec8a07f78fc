"""What the panel takes: the list over many exchanges under any filter, long exchanges in the browser, a busy live feed.

    python benchmarks/panel.py                              tables
    python benchmarks/panel.py --exchanges 10000 --json     fewer, as JSON
    python benchmarks/panel.py --no-browser                 the server's side alone

The panel runs as gatewayserve runs it, as a process of its own, over an SQLite store that is filled first. CPU is that
process' own; opening is from the navigation's start to the page's load event in Debian's Chromium.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django_gateway.exchange import Close, Exchange, Failure, Handover, Match, Server, Sizes, Split, format_id
from django_gateway.stores import Capacity, Store, open_store
from measuring import facts

TOKEN = "benchmark-" + "0" * 22
LIST_GOAL = 30.0  # ms until the answer is there; and of CPU
ROUTES_GOAL = 50.0  # ms
OPEN_GOAL = 300.0  # ms
FEED = 200  # exchanges a second
FILTERS = (
    "",
    "status:5xx",
    "status:418",
    "hops:>8",
    "duration:>500",
    "interface:asgi",
    "type:websocket",
    "state:in_flight",
    "/orders/996",
    "path:/nowhere",
    "view:orders exception:Error",
    "-path:/orders client:9.9.9.9",
    "messages:>100",
    "id:00000000000000ff",
)


def exchange(number: int, trail: list[Any] | None = None, **changes: Any) -> Exchange:
    """One of a store's many: mostly pages that went well, some that did not."""
    failed = number % 50 == 0
    fields: dict[str, Any] = {
        "id": (time.time_ns() // 1000 - 10**9 + number) << 12,
        "interface": "asgi" if number % 3 else "wsgi",
        "type": "http",
        "state": "finished",
        "started_at": time.time_ns() - 10**12 + number * 10**6,
        "started": 0,
        "ended": 1_000_000 + number % 997 * 10_000,
        "method": "GET",
        "path": f"/orders/{number % 997}/",
        "query": "page=2" if number % 2 else "",
        "status": 500 if failed else 404 if number % 31 == 0 else 200,
        "client": f"127.0.0.1:{20_000 + number % 10_000}",
        "server": Server("uvicorn", "0.30", 900 + number % 4, "MainThread", "here"),
        "handover": Handover("scope", [["type", "http"], ["path", "/orders/"], ["headers", [["host", "localhost"]]]]),
        "match": Match("orders/<int:order>/", f"shop.views.orders_{number % 40}", "order", [], ["order"]),
        "headers": [["Content-Type", "text/html"]],
        "trail": trail or [["django.view.started", 200_000, "shop.views.orders", "sync"]],
        "failure": Failure("ValueError", "no", [], None, True) if failed else None,
        "scheduler": None,
        "loop": None,
        "close": None,
        "sizes": Sizes(body_bytes=2_000, chunks=1, crossings=number % 17),
        "split": Split(200_000, 300_000, 400_000, 100_000),
        "vantage": "wrapper",
        "unseen": [],
    }
    return Exchange(**{**fields, **changes})


def with_events(number: int, events: int) -> Exchange:
    trail: list[Any] = []
    for each in range(events // 2):
        at = 10_000 + each * 4_000
        trail += [["django.template.started", at, f"shop/part{each}.html"]]
        trail += [["django.template.finished", at + 3_000, f"shop/part{each}.html"]]
    last = events // 2 * 4_000
    return exchange(number, trail, path="/many-events/", ended=10_000 + last)


def with_messages(number: int, messages: int) -> Exchange:
    trail = [["websocket.receive", 1_000 + each * 100_000, "text", 9, f"number {each}"] for each in range(messages)]
    sizes, last = Sizes(received=messages), messages * 100_000
    changes: dict[str, Any] = {"type": "websocket", "method": None, "status": 101, "close": Close(1000, "client", "")}
    return exchange(number, trail, path="/many-messages/", ended=10_000 + last, sizes=sizes, **changes)


def fill(store: Store, exchanges: int) -> None:
    for block in range(0, exchanges, 1_000):
        store.write([store.pack(exchange(number)) for number in range(block, min(block + 1_000, exchanges))])


class Panel:
    def __init__(self, folder: Path) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        command = [sys.executable, "-m", "django_gateway.panel", "--fd", str(listener.fileno())]
        command += ["--store", f"sqlite:///{folder / 'exchanges.sqlite3'}"]
        environment = {**os.environ, "GATEWAY_PANEL_TOKEN": TOKEN}
        self.process = subprocess.Popen(command, pass_fds=[listener.fileno()], env=environment, cwd=folder)
        listener.close()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path: str) -> float:
        """Milliseconds until the whole answer was there, on one connection that stays, as a browser's does."""
        return self.timed(path)[0]

    def timed(self, path: str) -> tuple[float, bytes]:
        began = time.perf_counter()
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}", "Accept": "text/html"})
        response = self.connection.getresponse()
        body = response.read()
        took = (time.perf_counter() - began) * 1e3
        if response.status != 200:
            raise SystemExit(f"{path} was answered with {response.status}")
        return took, body

    def cpu(self) -> float:
        """Milliseconds that the process' threads have used: those that answer stay with their connection."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6

    def measured(self, path: str, rounds: int) -> dict[str, float]:
        self.get(path)
        before = self.cpu()
        took = [self.get(path) for _ in range(rounds)]
        return {"cpu_ms": round((self.cpu() - before) / rounds, 1), "median_ms": round(statistics.median(took), 1)}

    def counted(self, path: str, most: int) -> dict[str, float]:
        """Looks at the list by route, from the first on, until it has counted all that is stored."""
        took = []
        before = self.cpu()
        for _ in range(most):
            milliseconds, body = self.timed(path)
            took.append(milliseconds)
            if b"data-counting" not in body:
                break
        cpu = (self.cpu() - before) / len(took)
        return {
            "looks": len(took),
            "cpu_ms": round(cpu, 1),
            "median_ms": round(statistics.median(took), 1),
            "longest_ms": round(max(took), 1),
        }

    def close(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        launched = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield launched
        launched.close()


def opened(page: Any, address: str, rounds: int) -> float:
    """Median milliseconds from the start of the navigation to the end of the load event."""
    took = []
    for _ in range(rounds + 1):
        page.goto(address, wait_until="load")
        took.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
    return round(float(statistics.median(took[1:])), 1)


def feed(page: Any, address: str, store: Store, seconds: float) -> dict[str, float]:
    """With the list open: how long its frames took while exchanges kept coming, and when the last one was seen."""
    page.goto(address)
    page.wait_for_selector("#live[data-state=live]")
    page.evaluate(
        """() => { window.gaps = []; let last = performance.now();
        const turn = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(turn); };
        requestAnimationFrame(turn); }"""
    )
    end = time.monotonic() + seconds

    def write() -> None:
        number = 0
        while time.monotonic() < end:
            store.write([store.pack(_new(number + each)) for each in range(FEED // 20)])
            number += FEED // 20
            time.sleep(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        page.wait_for_timeout(100)
    writer.join()
    last = _new(0, path="/the-last/")
    began = time.perf_counter()
    store.write([store.pack(last)])
    page.wait_for_selector(f'.row[data-id="{format_id(last.id)}"]')
    seen = (time.perf_counter() - began) * 1e3
    gaps = sorted(page.evaluate("window.gaps"))
    return {
        "frame_p95_ms": round(gaps[int(0.95 * len(gaps))], 1),
        "frame_longest_ms": round(gaps[-1], 1),
        "last_seen_after_ms": round(seen, 1),
    }


def _new(number: int, **changes: Any) -> Exchange:
    return exchange(number, id=time.time_ns() // 1000 << 12 | number % 4096, started_at=time.time_ns(), **changes)


def run(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(f"sqlite:///{folder / 'exchanges.sqlite3'}", Capacity(4 * options.exchanges, 1 << 34))
        fill(store, options.exchanges)
        events, messages = with_events(options.exchanges + 1, 2_000), with_messages(options.exchanges + 2, 50_000)
        store.write([store.pack(events), store.pack(messages)])
        panel = Panel(folder)
        try:
            return measure(panel, store, events, messages, options)
        finally:
            panel.close()
            store.close()


def measure(
    panel: Panel, store: Store, events: Exchange, messages: Exchange, options: argparse.Namespace
) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": facts.machine(), "exchanges": options.exchanges}
    found["list"] = {text: panel.measured(f"/?{urlencode({'q': text})}", options.rounds) for text in FILTERS}
    found["counting"] = panel.counted("/routes/", most=options.exchanges)
    found["routes"] = panel.measured("/routes/", options.rounds)
    paths = {
        "2,000 events": f"/exchanges/{format_id(events.id)}/",
        "50,000 messages": f"/exchanges/{format_id(messages.id)}/?tab=messages",
    }
    found["server"] = {name: panel.measured(path, options.rounds) for name, path in paths.items()}
    if options.browser:
        with browser() as launched:
            page = launched.new_page(viewport={"width": 1400, "height": 900})
            root = f"http://127.0.0.1:{panel.port}"
            page.goto(f"{root}/?token={TOKEN}")
            found["browser_ms"] = {name: opened(page, root + path, options.rounds) for name, path in paths.items()}
            found["feed"] = feed(page, f"{root}/", store, options.seconds)
    return found


def line(name: str, each: dict[str, float], goal: float) -> str:
    missed = [what for what, key in (("CPU", "cpu_ms"), ("answer", "median_ms")) if each[key] > goal]
    reached = f"MISSED: {', '.join(missed)}" if missed else "reached"
    return f"{name:34}{each['cpu_ms']:9.1f}{each['median_ms']:12.1f}   {reached}"


def show(found: dict[str, Any]) -> None:
    machine = found["machine"]
    print(f"{machine['cpu']}, load {machine['load']} · {machine['python']}")
    print(f"{found['exchanges']:,} exchanges stored. CPU of the panel's process, and until the answer was there.\n")
    print(f"{'the list under the filter':34}{'CPU, ms':>9}{'median, ms':>12}   goal {LIST_GOAL:.0f} ms of either")
    for text, each in found["list"].items():
        print(line(text or "(none)", each, LIST_GOAL))
    counting = found["counting"]
    print(f"\n{'the list by route':34}{'CPU, ms':>9}{'median, ms':>12}   goal {ROUTES_GOAL:.0f} ms of either")
    print(
        line(f"counting all, in {counting['looks']} looks", counting, ROUTES_GOAL)
        + f", the longest look {counting['longest_ms']:.0f} ms"
    )
    print(line("after that", found["routes"], ROUTES_GOAL))
    print(f"\n{'one exchange, at the server':34}{'CPU, ms':>9}{'median, ms':>12}")
    for name, each in found["server"].items():
        print(f"{name:34}{each['cpu_ms']:9.1f}{each['median_ms']:12.1f}")
    for name, took in found.get("browser_ms", {}).items():
        reached = "reached" if took <= OPEN_GOAL else "MISSED"
        print(f"\nin the browser, {name}: {took:.0f} ms   goal {OPEN_GOAL:.0f} ms   {reached}", end="")
    if "feed" in found:
        each = found["feed"]
        print(
            f"\n\nlive at {FEED} exchanges a second: frames {each['frame_p95_ms']:.0f} ms (95 of 100), the longest"
            f" {each['frame_longest_ms']:.0f} ms; the last exchange was seen after {each['last_seen_after_ms']:.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--exchanges", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the live feed")
    parser.add_argument("--no-browser", dest="browser", action="store_false")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = run(options)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
