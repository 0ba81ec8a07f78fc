"""A store that can't be read or written says what to do, and serving goes on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import factories
import recorders
from contract import checked
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder
from django_gateway.stores import Capacity, StoreError, connection
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
    with pytest.raises(StoreError, match=r"damaged.*delete the file"):
        reader.page(limit=1_000)
    reader.close()


def test_a_record_that_no_version_of_ours_wrote(store: SQLiteStore, path: Path) -> None:
    exchange = factories.wsgi_page()
    keep(store, exchange)
    assert len(store.page()) == 1
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("UPDATE record SET body = x'c1'")
        plain.commit()
    with pytest.raises(StoreError, match="damaged"):
        store.get(exchange.id)
    assert len(store.page()) == 1


def test_locked_by_another_process(store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BUSY", 0.05)
    keep(store, factories.wsgi_page())
    assert len(store.page()) == 1
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
        # Who only reads is not in its way, but can't sort in what nobody has read yet.
        assert len(store.page()) == 1
        other.communicate("\n")
    keep(store, factories.wsgi_page())
    assert len(store.page()) == 3


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


FULL = """
import resource, signal, sys
sys.path[:0] = [sys.argv[1]]
import factories
from django_gateway.stores import Capacity, StoreError
from django_gateway.stores.sqlite import SQLiteStore
from pathlib import Path

def write(count):
    store.write([store.pack(factories.wsgi_page(query="q" * 5_000)) for _ in range(count)])

store = SQLiteStore(Path(sys.argv[2]), Capacity())
write(1)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, most))
written = 1
try:
    for _ in range(100):
        write(10)
        written += 10
except StoreError as error:
    print(error)
print(len(store.page(limit=1_000)) == written)
# There is room again.
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
for _ in range(20):
    write(10)
print(len(store.page(limit=1_000)) == written + 200)
store.close()
"""


def test_a_full_disk_until_there_is_room_again(path: Path) -> None:
    command = [*PYTHON, "-c", FULL, str(Path(__file__).parent), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    said, readable, again = done.stdout.splitlines()
    assert "can't be written" in said
    assert (readable, again) == ("True", "True")
    assert checked(path) > 200


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
