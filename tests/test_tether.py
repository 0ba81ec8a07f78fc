"""Workers of servers that know nothing of the supervisor end with it, whenever that is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from serving import Serving, Site, alive_pid, environment, until


@pytest.fixture
def gone() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
        return process.pid


@pytest.mark.parametrize("worker", ["granian", "gunicorn", "uwsgi"])
def test_a_supervisor_that_was_gone_before_its_worker_had_begun(worker: str, gone: int) -> None:
    command = [sys.executable, "-m", f"django_gateway.workers.{worker}", "--fd", "0", "--version"]
    with subprocess.Popen(command, env=environment(GATEWAY_SUPERVISOR=str(gone)), stdout=subprocess.PIPE) as process:
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, b"")


def test_a_panel_whose_supervisor_was_gone_before(gone: int, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "django_gateway.panel", "--fd", str(listener.fileno())]
        command += ["--store", f"sqlite:///{tmp_path}/x"]
        done = subprocess.run(
            command,
            env=environment(GATEWAY_SUPERVISOR=str(gone)),
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0


def test_a_script_whose_keeper_was_gone_before_it_had_begun(gone: int, tmp_path: Path) -> None:
    # The keeper is the first of the group; here it ends once the script is there, and before that goes on.
    script = f"import sys; sys.stdin.read(); from django_gateway.workers import tether; tether.end_with_group(); open({str(tmp_path / 'went-on')!r}, 'w')"
    keeper = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=-3).pid)"
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", keeper, script],
            stdin=reading,
            stdout=subprocess.PIPE,
            process_group=0,
            timeout=60,
            check=True,
            env=environment(),
        )
    finally:
        os.close(writing)
        os.close(reading)
    pid = int(done.stdout)
    until(lambda: not alive_pid(pid))
    assert not (tmp_path / "went-on").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_uwsgi_told_to_end_while_its_workers_load_the_project(tmp_path: Path, number: signal.Signals) -> None:
    site = Site(tmp_path)
    views = site.read("mysite/views.py")
    site.write(
        "mysite/views.py", f"import os, time\nopen(f'loading-{{os.getpid()}}', 'w').close()\ntime.sleep(1)\n{views}"
    )
    serving = Serving(site.folder, "--server", "uwsgi", "--workers", "2")
    serving.start()
    until(lambda: len(list(site.folder.glob("loading-*"))) == 2)
    # That everything is gone is asserted there.
    assert serving.end(number) == (0 if number == signal.SIGINT else -number)
