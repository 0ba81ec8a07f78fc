"""Whatever ends a process, what was recorded is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from django_gateway.stores import Capacity
from django_gateway.stores.sqlite import SQLiteStore
from recorders import PYTHON

# Processes that end

ENDS = """
import os, sys, threading
sys.path[:0] = [{tests!r}]
import recorders
from django_gateway import record_wsgi

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"answer"]

recorded = record_wsgi(application)
for number in range(100):
    recorders.serve(recorded, recorders.environ(f"/{{number}}"))
{end}
"""


def ends(folder: Path, end: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GATEWAY_", "DJANGO_"))}
    environment |= {"GATEWAY_STORE": f"sqlite:///{folder}/exchanges.sqlite3", "GATEWAY_ENABLED": "1"}
    code = ENDS.format(tests=str(Path(__file__).parent), end=end)
    return subprocess.run(
        [*PYTHON, "-c", code], env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def kept(folder: Path) -> int:
    store = SQLiteStore(folder / "exchanges.sqlite3", Capacity())
    try:
        return store.statistics().exchanges
    finally:
        store.close()


@pytest.mark.parametrize(
    "end",
    [
        "",
        "sys.exit(0)",
        "raise SystemExit(3)",
        "threading.Thread(target=lambda: recorders.serve(recorded)).start()",
        "import atexit; atexit.register(lambda: recorders.serve(recorded))",
    ],
)
def test_everything_is_written_when_the_process_ends(tmp_path: Path, end: str) -> None:
    done = ends(tmp_path, end)
    assert done.stderr == ""
    assert kept(tmp_path) >= 100


def test_a_process_of_multiprocessings_which_leaves_without_atexit(tmp_path: Path) -> None:
    work = "lambda: [recorders.serve(recorded, recorders.environ(f'/child/{n}')) for n in range(50)]"
    end = f"import multiprocessing; one = multiprocessing.get_context('fork').Process(target={work})"
    # Of the black boxes its own is gone by then, and its parent's is not.
    boxes = "import glob; print(len(glob.glob('*-flight/*.box')))"
    done = ends(tmp_path, f"{end}; one.start(); one.join(); {boxes}")
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert kept(tmp_path) == 150


def test_an_exception_that_ends_the_process_loses_nothing(tmp_path: Path) -> None:
    done = ends(tmp_path, "raise ValueError('at last')")
    assert "at last" in done.stderr
    assert kept(tmp_path) == 100


def test_killed_it_loses_at_most_what_was_not_written(tmp_path: Path) -> None:
    end = """
from django_gateway import process
process.writer().flush()
for number in range(100, 150):
    recorders.serve(recorded, recorders.environ(f"/{number}"))
os.kill(os.getpid(), 9)
"""
    done = ends(tmp_path, end)
    assert done.returncode == -signal.SIGKILL
    assert 100 <= kept(tmp_path) <= 150


def test_interrupted_by_the_keyboard_it_loses_nothing(tmp_path: Path) -> None:
    done = ends(tmp_path, "os.kill(os.getpid(), 2)")
    assert "KeyboardInterrupt" in done.stderr
    assert kept(tmp_path) == 100


def test_python_says_nothing_of_files_left_open(tmp_path: Path) -> None:
    environment = {**os.environ, "GATEWAY_STORE": f"sqlite:///{tmp_path}/exchanges.sqlite3", "GATEWAY_ENABLED": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    code = ENDS.format(tests=str(Path(__file__).parent), end="")
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
