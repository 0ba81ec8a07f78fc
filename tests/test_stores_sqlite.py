"""The SQLite store's file: shared, killed, forked, deleted, replaced, locked, broken, and not ours at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import factories
import recorders
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder
from django_gateway.stores import Capacity, StoreError, connection, open_store
from django_gateway.stores.sqlite import SQLiteStore
from django_gateway.stores.writer import Writer
from recorders import PYTHON, keep, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "exchanges.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path, Capacity())
    yield store
    store.close()


def checked(path: Path) -> int:
    """How many exchanges are in a file that is whole."""
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (exchanges,) = plain.execute("SELECT COUNT(*) FROM exchange").fetchone()
        (records,) = plain.execute("SELECT COUNT(*) FROM record").fetchone()
        assert exchanges == records
        return int(exchanges)


# The file


def test_nothing_is_made_before_something_is_kept(store: SQLiteStore, path: Path) -> None:
    assert store.page() == []
    assert store.statistics().exchanges == 0
    store.clear()
    assert not path.parent.exists()


def test_the_folder_ignores_itself_and_the_files_are_their_owners_alone(store: SQLiteStore, path: Path) -> None:
    before = os.umask(0)
    try:
        keep(store, factories.wsgi_page())
    finally:
        os.umask(before)
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    files = sorted(path.parent.glob("exchanges.sqlite3*"))
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "exchanges.sqlite3", Capacity())
    keep(store, factories.wsgi_page())
    assert not (tmp_path / ".gitignore").exists()
    store.close()


def test_it_is_read_again_after_closing(store: SQLiteStore, path: Path) -> None:
    exchange = factories.wsgi_page()
    keep(store, exchange)
    store.close()
    assert [summary.id for summary in store.page()] == [exchange.id]
    other = open_store(f"sqlite:///{path}")
    assert [summary.id for summary in other.page()] == [exchange.id]
    other.close()


# Deleted, replaced, of another version


@pytest.mark.parametrize("what", ["file", "files", "folder"])
def test_deleted_under_writer_and_reader(store: SQLiteStore, path: Path, what: str) -> None:
    reader = SQLiteStore(path, Capacity())
    keep(store, factories.wsgi_page(path="/before"))
    assert [summary.path for summary in reader.page()] == ["/before"]
    cursor, _ = reader.since(-1)
    files = [path] if what == "file" else list(path.parent.iterdir())
    for file in files:
        file.unlink()
    if what == "folder":
        path.parent.rmdir()
    assert reader.page() == []
    keep(store, factories.wsgi_page(path="/after"))
    for one in (store, reader):
        assert [summary.path for summary in one.page()] == ["/after"]
    # Whoever watched the old file sees what is new in this one.
    assert [summary.path for summary in reader.since(cursor)[1]] == ["/after"]
    reader.close()
    assert checked(path) == 1


def test_replaced_under_writer_and_reader(store: SQLiteStore, path: Path, tmp_path: Path) -> None:
    keep(store, factories.wsgi_page(path="/old"))
    assert [summary.path for summary in store.page()] == ["/old"]
    other = SQLiteStore(tmp_path / "other.sqlite3", Capacity())
    keep(other, factories.wsgi_page(path="/new"))
    other.close()
    for file in path.parent.glob("exchanges.sqlite3-*"):
        file.unlink()
    os.replace(tmp_path / "other.sqlite3", path)
    assert [summary.path for summary in store.page()] == ["/new"]
    keep(store, factories.wsgi_page(path="/newer"))
    assert [summary.path for summary in store.page()] == ["/newer", "/new"]


def test_a_file_of_another_version_is_emptied(store: SQLiteStore, path: Path) -> None:
    keep(store, factories.wsgi_page())
    store.close()
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA user_version = 1")
        plain.execute("DROP TABLE record")
        plain.execute("CREATE TABLE of_old (a)")
    assert store.page() == []
    exchange = factories.asgi_page()
    keep(store, exchange)
    assert [summary.id for summary in store.page()] == [exchange.id]
    assert checked(path) == 1
    with closing(sqlite3.connect(path)) as plain:
        assert ("of_old",) not in plain.execute("SELECT name FROM sqlite_master").fetchall()


# What can't be written or read says what to do


def trouble(store: SQLiteStore, *actions: Callable[[], Any]) -> set[str]:
    """What each use of the store says."""
    said = set()
    for action in actions or (lambda: keep(store, factories.wsgi_page()), store.page, lambda: store.since(-1)):
        with pytest.raises(StoreError) as caught:
            action()
        said.add(str(caught.value))
    return said


def test_another_programs_database_is_not_touched(store: SQLiteStore, path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("CREATE TABLE precious (a)")
        plain.execute("INSERT INTO precious VALUES (1)")
        plain.commit()
    before = path.read_bytes()
    (said,) = trouble(store)
    assert "another program's database" in said
    assert "name another file in GATEWAY['STORE']" in said
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be one" * 100, b"SQLite format 3\0broken" * 900]
)
def test_a_file_that_is_no_database(store: SQLiteStore, path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for said in trouble(store):
        assert "is damaged" in said
        assert "delete the file, a new one is made" in said
    assert path.read_bytes() == content
    # And it is so.
    path.unlink()
    keep(store, factories.wsgi_page())
    assert len(store.page()) == 1


def test_a_file_that_is_damaged_inside(store: SQLiteStore, path: Path) -> None:
    keep(store, *(factories.wsgi_page(query="q" * 3_000) for _ in range(200)))
    store.close()
    with path.open("r+b") as file:
        file.seek(16_384)
        file.write(os.urandom(16_384 * 20))
    reader = SQLiteStore(path, Capacity())
    with pytest.raises(StoreError, match="damaged.*delete the file"):
        reader.page(limit=1_000)
    reader.close()


def test_a_record_that_no_version_of_ours_wrote(store: SQLiteStore, path: Path) -> None:
    exchange = factories.wsgi_page()
    keep(store, exchange)
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("UPDATE record SET body = x'c1'")
        plain.commit()
    with pytest.raises(StoreError, match="damaged"):
        store.get(exchange.id)
    assert len(store.page()) == 1


def test_locked_by_another_process(store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BUSY", 0.05)
    keep(store, factories.wsgi_page())
    store.close()
    code = (
        "import sqlite3, sys\n"
        f"c = sqlite3.connect({str(path)!r}, isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen([*PYTHON, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        (said,) = trouble(store, lambda: keep(store, factories.wsgi_page()))
        assert "held by another process" in said
        assert "try again" in said
        # Who only reads is not in its way.
        assert len(store.page()) == 1
        other.communicate("\n")
    keep(store, factories.wsgi_page())
    assert len(store.page()) == 2


@pytest.mark.parametrize("where", ["/proc/nowhere/exchanges.sqlite3", "/dev/null/exchanges.sqlite3", "/proc/version/x"])
def test_a_place_where_nothing_can_be_made(where: str) -> None:
    store = SQLiteStore(Path(where), Capacity())
    (said,) = trouble(store, lambda: keep(store, factories.wsgi_page()))
    assert where in said
    assert "can't be written" in said
    assert "check the path" in said
    store.close()


def as_nobody(action: Callable[[], str], home: Path) -> str:
    """What ``action`` returns in a child that is no superuser."""
    for folder in (home, *home.parents):
        if folder.stat().st_uid == os.getuid() and folder not in (Path("/"), Path("/tmp")):
            folder.chmod(folder.stat().st_mode | 0o055)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            os.write(writing, action().encode())
        except BaseException as error:
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can become somebody else")
def test_somebody_elses_file(store: SQLiteStore, path: Path) -> None:
    keep(store, factories.wsgi_page())
    store.close()

    def write() -> str:
        with pytest.raises(StoreError) as caught:
            keep(SQLiteStore(path, Capacity()), factories.wsgi_page())
        return str(caught.value)

    said = as_nobody(write, path.parent)
    assert "can't be written" in said
    assert "owner and mode" in said
    assert str(path) in said


def test_a_full_disk(path: Path) -> None:
    code = f"""
import resource, signal, sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
import factories
from django_gateway.stores import Capacity, StoreError
from django_gateway.stores.sqlite import SQLiteStore
from pathlib import Path
store = SQLiteStore(Path({str(path)!r}), Capacity())
store.write([store.pack(factories.wsgi_page())])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
try:
    for _ in range(100):
        store.write([store.pack(factories.wsgi_page(query="q" * 5_000)) for _ in range(10)])
except StoreError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
print(len(store.page(limit=1)))
store.close()
"""
    done = subprocess.run([*PYTHON, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    said, readable = done.stdout.splitlines()
    assert "can't be written" in said
    assert readable == "1"
    assert checked(path) >= 1


def test_serving_goes_on_and_recording_comes_back(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The whole of it: a store that cannot be used, and then can."""
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 1_000)
    writer = Writer(SQLiteStore(path, Capacity()))
    application = RecordedWSGI(lambda environ, start_response: [b"answer"], Recorder(writer.submit))
    with recorders.strictly():
        assert recorders.serve(application).body == b"answer"
        until(lambda: writer.error)
        assert "recording is off" in str(writer.error)
        path.unlink()
        assert recorders.serve(application).body == b"answer"
        until(lambda: writer.written)
    assert writer.error is None
    assert capfd.readouterr().err.count("delete the file") == 1
    writer.store.close()


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
    writer.flush()
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
        process = summary.path.split("/")[1]
        assert exchange.headers == [["X-Process", process]]
        assert recorders.entries(exchange)["HTTP_X_PROCESS"] == process


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


def test_forked_while_writing(path: Path) -> None:
    """As a preforking server does it, and as a project may at any time: with the writer in a transaction."""
    store = SQLiteStore(path, Capacity())
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
                    until(lambda: writer.written and any(s.path == f"/child/{number}" for s in store.page(limit=500)))
                    status = 0
                finally:
                    os._exit(status)
            _, ended = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(ended) == 0, f"child {number}"
            before = writer.written
            until(lambda: writer.written > before)
            assert writer.error is None
    finally:
        stop.set()
        thread.join()
    writer.flush()
    paths = [summary.path for summary in store.page(limit=100_000)]
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
