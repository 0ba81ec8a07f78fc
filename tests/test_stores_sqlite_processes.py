"""The SQLite store's file with many processes: at once, killed, forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import factories
import recorders
from contract import checked
from django_gateway import recording
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder
from django_gateway.stores import Capacity, connection
from django_gateway.stores.filters import parse
from django_gateway.stores.sqlite import SQLiteStore
from django_gateway.stores.writer import Writer
from recorders import keep, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "exchanges.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path, Capacity())
    yield store
    store.close()


# Many processes

WRITES = """
import sys, time
sys.path[:0] = [{tests!r}]
import recorders
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder
from django_gateway.stores import open_store
from django_gateway.stores.writer import Writer

def application(environ, start_response):
    start_response("200 OK", [("X-Process", sys.argv[1])])
    return [b"answer"]

writer = Writer(open_store({url!r}))
recorded = RecordedWSGI(application, Recorder(writer.submit))
print("ready", flush=True)
sys.stdin.readline()
number = 0
while number < int(sys.argv[2]):
    for _ in range(10):
        recorders.serve(recorded, recorders.environ(f"/{{sys.argv[1]}}/{{number}}", HTTP_X_PROCESS=sys.argv[1]))
        number += 1
    # Said only once it is in the file: nothing that is said may be lost.
    while not writer.flush():
        pass
    assert not writer.dropped, writer.error
    print(number, flush=True)
"""


def writing(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    code = WRITES.format(tests=str(Path(__file__).parent), url=f"sqlite:///{path}")
    command = [sys.executable, "-c", code, name, str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def ready(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        go(process)


def test_several_processes_write_at_once(store: SQLiteStore, path: Path) -> None:
    processes = [writing(path, f"p{number}", 200) for number in range(4)]
    ready(*processes)
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert checked(path) == 800
    summaries = store.page(limit=1_000)
    assert {summary.path for summary in summaries} == {f"/p{p}/{n}" for p in range(4) for n in range(200)}
    # Each with the words of its own process.
    for summary in summaries[::20]:
        exchange = store.get(summary.id)
        assert exchange is not None
        name = summary.path.split("/")[1]
        assert exchange.headers == [["X-Process", name]]
        assert recorders.entries(exchange)["HTTP_X_PROCESS"] == name


def test_whoever_follows_is_told_each_exchange_once_while_others_write_and_read(store: SQLiteStore, path: Path) -> None:
    keep(store, factories.wsgi_page(path="/before"))
    followers = [SQLiteStore(path, Capacity()) for _ in range(2)]
    told: list[list[str]] = [[], []]
    done = threading.Event()

    def follow(number: int) -> None:
        cursor, _ = followers[number].since(-1)
        started.wait(60)
        last = False
        while not last:
            last = done.is_set()
            cursor, news = followers[number].since(cursor, limit=10_000)
            told[number] += [summary.path for summary in news]

    started = threading.Barrier(3)
    threads = [threading.Thread(target=follow, args=[number]) for number in range(2)]
    processes = [writing(path, f"p{number}", 300) for number in range(3)]
    for thread in threads:
        thread.start()
    started.wait(60)
    ready(*processes)
    for process in processes:
        process.communicate(timeout=60)
    done.set()
    for thread, follower in zip(threads, followers, strict=True):
        thread.join(60)
        follower.close()
    expected = sorted(f"/p{p}/{n}" for p in range(3) for n in range(300))
    assert sorted(told[0]) == expected
    assert sorted(told[1]) == expected


def test_killed_at_any_instant_the_file_is_whole(store: SQLiteStore, path: Path) -> None:
    """Several workers, killed again and again in the middle of writing: nothing that was flushed is lost."""
    said: dict[str, int] = {}
    for round_ in range(4):
        processes = {f"r{round_}p{number}": writing(path, f"r{round_}p{number}", 1_000_000) for number in range(3)}
        ready(*processes.values())
        for name, process in processes.items():
            assert process.stdout is not None
            # Somewhere in its life: not always after the same number of writes.
            for _ in range(3 + 2 * round_):
                said[name] = int(process.stdout.readline())
        for name, process in processes.items():
            process.send_signal(signal.SIGKILL)
            rest, _ = process.communicate(timeout=30)
            for line in rest.splitlines():
                said[name] = max(said[name], int(line)) if line.isdigit() else said[name]
        assert checked(path) >= sum(said.values())
    kept = {summary.path for summary in store.page(limit=1_000_000)}
    for name, count in said.items():
        assert {f"/{name}/{number}" for number in range(count)} <= kept
    keep(store, factories.wsgi_page(path="/after"))
    assert store.page(limit=1)[0].path == "/after" or "/after" in {summary.path for summary in store.page(limit=5_000)}


# Forks


def busy(writer: Writer, application: Any, stop: threading.Event) -> None:
    while not stop.is_set():
        recorders.serve(application)
        writer.flush()


def written(writer: Writer, store: SQLiteStore, path: str) -> bool:
    # By its path: the parent goes on writing, and what is newest is soon its own.
    return bool(writer.written) and any(summary.path == path for summary in store.page(parse(f"path:{path}")))


def more(writer: Writer, before: int) -> bool:
    return writer.written > before


def test_forked_while_writing(path: Path) -> None:
    """As a preforking server does it, and as a project may at any time: with the writer in a transaction."""
    store = SQLiteStore(path, Capacity(exchanges=1_000_000))
    writer = Writer(store)
    application = RecordedWSGI(lambda environ, start_response: [b"answer"], Recorder(writer.submit))
    stop = threading.Event()
    thread = threading.Thread(target=busy, args=(writer, application, stop))
    thread.start()
    try:
        until(lambda: writer.written > 5)
        for number in range(20):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    signal.alarm(20)
                    recorders.serve(application, recorders.environ(f"/child/{number}"))
                    until(partial(written, writer, store, f"/child/{number}"))
                    status = 0
                finally:
                    os._exit(status)
            _, ended = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(ended) == 0, f"child {number}"
            before = writer.written
            until(partial(more, writer, before))
            assert writer.error is None
    finally:
        stop.set()
        thread.join()
    writer.flush()
    paths = [summary.path for summary in store.page(limit=1_000_000)]
    assert sorted(p for p in paths if p.startswith("/child/")) == sorted(f"/child/{n}" for n in range(20))
    assert len(paths) == writer.written + 20
    store.close()
    assert checked(path) == len(paths)


def test_a_fork_does_not_wait_for_another_process_forever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FORK", 0.05)
    store = SQLiteStore(path, Capacity())
    keep(store, factories.wsgi_page())
    waiting, leave = threading.Event(), threading.Event()

    def action(_: Any) -> None:
        waiting.set()
        leave.wait(30)

    thread = threading.Thread(target=lambda: store._writer.use(action))
    thread.start()
    waiting.wait(30)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(20)
            keep(store, factories.wsgi_page(id=2, path="/child"))
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(ended) == 0
    keep(store, factories.wsgi_page(path="/parent"))
    assert len(store.page()) == 3
    store.close()


def test_what_waits_in_the_parent_is_not_written_by_the_child(path: Path) -> None:
    store = SQLiteStore(path, Capacity())
    writer = Writer(store)
    application = RecordedWSGI(lambda environ, start_response: [b"answer"], Recorder(writer.submit))
    recorders.serve(application, recorders.environ("/first"))
    until(lambda: writer.written == 1)
    with writer._flushing:  # its thread cannot write: all of it waits
        recorders.serve(application, recorders.environ("/parent"))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                recorders.serve(application, recorders.environ("/child"))
                writer.flush()
                status = 0
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(ended) == 0
    writer.flush()
    assert sorted(summary.path for summary in store.page()) == ["/child", "/first", "/parent"]
    store.close()


def test_a_child_counts_from_a_number_of_its_own() -> None:
    """Else its first exchange and its parent's next one could have the same id."""
    recorder = recording.Recorder(lambda finished: None)

    def number() -> int:
        return recording.Recording(recorder, "wsgi", "http", "wrapper", "/").id & 0xFFF

    def collides() -> bool:
        following = (number() + 1) & 0xFFF
        child = os.fork()
        if child == 0:
            os._exit(number() == following)
        _, ended = os.waitpid(child, 0)
        return bool(os.waitstatus_to_exitcode(ended))

    # By chance alone it is one child in 4,096.
    assert not all([collides(), collides(), collides()])
