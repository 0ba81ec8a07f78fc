"""What has not ended is seen while it lasts; what a killed process left behind is told as interrupted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from django_gateway.exchange import FINISHED, IN_FLIGHT, INTERRUPTED, Summary
from django_gateway.stores import Store, open_store
from django_gateway.stores.filters import parse
from django_gateway.stores.liveness import lives
from serving import environment, until

HANGING = """
import sys
from django_gateway import record_wsgi

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    sys.stdin.readline()
    yield b"last"

answer = record_wsgi(application)({"REQUEST_METHOD": "GET", "PATH_INFO": "/hanging/"}, lambda *_: None)
for chunk in answer:
    print(chunk, flush=True)
answer.close()
print("closed", flush=True)
sys.stdin.readline()
"""


@contextmanager
def hanging(store: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that serves one request and ends it when a line comes in."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(GATEWAY_STORE=f"sqlite:///{store}", GATEWAY_ENABLED="1"),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exchanges.sqlite3"


def only(store: Store, state: str) -> list[Summary]:
    return [one for one in store.page() if one.state == state]


def test_seen_while_it_lasts_and_finished_after(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    with hanging(path) as process:
        seen = until(lambda: only(store, IN_FLIGHT), "it was not seen in flight")
        assert [one.path for one in seen] == ["/hanging/"]
        assert seen[0].duration is None
        assert seen[0].sizes.chunks == 1
        exchange = store.get(seen[0].id)
        assert exchange is not None
        assert exchange.ended is None
        assert [event[0] for event in exchange.trail][-1] == "wsgi.body"
        assert [frame.function for frame in exchange.stack or []] == ["application"]
        assert store.page(parse("state:in_flight"))
        cursor, _ = store.since(-1)
        assert process.stdin is not None
        process.stdin.write("go on\n")
        process.stdin.flush()
        until(lambda: only(store, FINISHED), "it was not seen finished")
        assert [one.sizes.chunks for one in store.page()] == [2]
        assert [one.state for one in store.since(cursor)[1]] == [FINISHED]
    store.close()


def test_killed_is_interrupted(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    with hanging(path) as process:
        until(lambda: only(store, IN_FLIGHT), "it was not seen in flight")
        cursor, _ = store.since(-1)
        process.kill()
        process.wait()
        interrupted = until(lambda: only(store, INTERRUPTED), "nobody noticed")
    assert [one.path for one in interrupted] == ["/hanging/"]
    exchange = store.get(interrupted[0].id)
    assert exchange is not None
    assert exchange.state == INTERRUPTED
    assert exchange.trail[-1][0] == "wsgi.body"
    assert [frame.function for frame in exchange.stack or []] == ["application"]
    assert [one.state for one in store.since(cursor)[1]] == [INTERRUPTED]
    store.close()


def test_a_killed_process_that_nobody_waited_for_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert lives(process.pid, 2**62)
    assert not lives(process.pid, 0), "a process that began later is another one"
    process.kill()
    until(lambda: not lives(process.pid, 2**62), "a zombie counts as alive")
    process.communicate()
    assert not lives(process.pid, 2**62)
