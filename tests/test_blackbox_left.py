"""Black boxes of other processes: hostile files, and who reads what a dead one has left."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from django_gateway import blackbox
from django_gateway.blackbox import SLOTS
from django_gateway.exchange import FINISHED, INTERRUPTED
from django_gateway.stores import open_store
from django_gateway.stores.salvage import read
from serving import environment, until

OURS = frozenset({os.geteuid()})


def contents() -> Iterator[tuple[str, bytes]]:
    """What a file under a box's name may hold."""
    head = blackbox.HEAD.pack(blackbox.MAGIC, 7, 7, 3)
    empty = bytes(blackbox.SIZE)
    yield "empty", b""
    yield "zeros", empty
    yield "noise", os.urandom(blackbox.SIZE)
    yield "truncated", head
    yield "another version", (b"gateway flight 0" + empty)[: blackbox.SIZE]
    yield "no origin", (head + b"\xc1\xc1\xc1" + empty)[: blackbox.SIZE]
    yield "origin beyond the header", (blackbox.HEAD.pack(blackbox.MAGIC, 7, 7, 2**60) + empty)[: blackbox.SIZE]
    origin = b"\x93\xc0\xc0\xa1h"
    good = blackbox.HEAD.pack(blackbox.MAGIC, 7, 7, len(origin)) + origin
    good += bytes(blackbox.HEADER - len(good))
    yield "noise in the slots", good + os.urandom(blackbox.SIZE - len(good))
    yield "ones in the slots", good + b"\xff" * (blackbox.SIZE - len(good))
    text = b"wsgi\0http\0wrapper\0GET\0/<script>"
    words = blackbox.WORD_HEAD.pack(300, 1000) + b"\x91" * 1000 + blackbox.WORD_HEAD.pack(301, 2**31)
    for word in (0, 5, 255, 256, 300, 301, 2**63):
        slot = struct.pack("=12Q160s", word, 2**63, word, 5, 9, 1, 1, len(text), 2**63, 2**63, 7, 7, text)
        slots = slot * SLOTS
        yield f"word {word}", (good + slots + words + empty)[: blackbox.SIZE]


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in contents()])
def test_hostile_files(content: bytes, tmp_path: Path) -> None:
    flight = tmp_path / "exchanges.sqlite3-flight"
    flight.mkdir(mode=0o700)
    (flight / "1-1.box").write_bytes(content)
    store = open_store(f"sqlite:///{tmp_path / 'exchanges.sqlite3'}")
    for row in store.page():
        exchange = store.get(row.id)
        assert exchange is not None
        assert exchange.state == INTERRUPTED
        assert exchange.path == "/<script>"
    store.since(0)
    assert list(flight.iterdir()) == []
    store.close()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda path: path.mkdir(), id="folder"),
        pytest.param(os.mkfifo, id="pipe"),
        pytest.param(lambda path: path.symlink_to("/etc/passwd"), id="link"),
        pytest.param(lambda path: path.symlink_to(path), id="circle"),
    ],
)
def test_what_is_no_file(make: Callable[[Path], Any], tmp_path: Path) -> None:
    flight = tmp_path / "exchanges.sqlite3-flight"
    flight.mkdir(mode=0o700)
    make(flight / "1-1.box")
    store = open_store(f"sqlite:///{tmp_path / 'exchanges.sqlite3'}")
    assert store.page() == []
    store.close()


def test_a_word_is_read_as_far_as_it_was_written() -> None:
    assert read(bytes(blackbox.SIZE)) is None
    assert read(b"") is None


SERVING = """
import os, sys
from django_gateway import record_wsgi

def application(environ, start_response):
    if environ["PATH_INFO"] == "/forks/" and os.fork() == 0:
        sys.stdin.read()
        os._exit(0)
    if environ["PATH_INFO"] in ("/killed/", "/forks/"):
        os.kill(os.getpid(), 9)
    start_response("200 OK", [])
    return [b"answer"]

recorded = record_wsgi(application)
for path in sys.argv[1:]:
    answer = recorded({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda *_: None)
    list(answer)
    answer.close()
"""


def serve(store: Path, *paths: str, stdin: int = subprocess.DEVNULL) -> int:
    known = environment(GATEWAY_STORE=f"sqlite:///{store}", GATEWAY_ENABLED="1")
    command = [sys.executable, "-c", SERVING, *paths]
    return subprocess.run(command, env=known, check=False, timeout=60, stdin=stdin).returncode


def test_the_first_request_of_a_project_that_nothing_is_known_of(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.sqlite3"
    assert serve(path, "/killed/") == -9
    assert not path.exists()
    store = open_store(f"sqlite:///{path}")
    assert [(row.path, row.state) for row in store.page()] == [("/killed/", INTERRUPTED)]
    store.close()


def test_the_next_process_keeps_it_where_nobody_reads(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.sqlite3"
    flight = tmp_path / "exchanges.sqlite3-flight"
    assert serve(path, "/before/", "/killed/") == -9
    assert len(list(flight.iterdir())) == 1
    assert serve(path, "/after/") == 0
    assert list(flight.iterdir()) == []
    store = open_store(f"sqlite:///{path}")
    assert {(row.path, row.state) for row in store.page()} >= {("/killed/", INTERRUPTED), ("/after/", FINISHED)}
    store.close()


def test_many_readers_tell_it_once(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.sqlite3"
    for _ in range(3):
        assert serve(path, "/killed/") == -9
    stores = [open_store(f"sqlite:///{path}") for _ in range(8)]
    start = threading.Barrier(len(stores))

    def look(number: int) -> None:
        start.wait()
        stores[number].page()

    threads = [threading.Thread(target=look, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = until(lambda: len(rows := stores[0].page()) == 3 and rows, "not all were told")
    assert found
    assert len({row.id for row in found}) == 3
    for store in stores:
        store.close()


def test_a_child_that_lives_on_does_not_hide_the_death_of_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.sqlite3"
    theirs, ours = os.pipe()
    try:
        # The child reads until this process closes its end.
        assert serve(path, "/forks/", stdin=theirs) == -9
        store = open_store(f"sqlite:///{path}")
        # A child lets go of its parent's file first thing, once it runs at all.
        rows = until(store.page, "the parent's death was not noticed")
        assert [(row.path, row.state) for row in rows] == [("/forks/", INTERRUPTED)]
        store.close()
    finally:
        os.close(theirs)
        os.close(ours)
