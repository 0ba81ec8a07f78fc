"""How gatewayserve ends: exit codes, and no process left whatever happens to it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from serving import Serving, Site, environment, open_request, until

MODES = ["--wsgi", "--asgi"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def started(site: Site, *arguments: str) -> Serving:
    """Serving, with its panel and its spare running."""
    serving = Serving(site.folder, *arguments, panel=True)
    serving.__enter__()
    serving.get("/version/")
    until(lambda: len(serving.family()) == 3)
    return serving


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_quietly(site: Site, mode: str, number: signal.Signals) -> None:
    serving = started(site, mode)
    with open_request(serving, "/events/") as events:
        events.readline()
        said = serving.output
        assert serving.end(number) == 0
    assert serving.output.removeprefix(said).replace(said, "").count("Traceback") == 0
    assert "Error" not in serving.output


@pytest.mark.parametrize("mode", MODES)
def test_kill_leaves_nothing_behind(site: Site, mode: str) -> None:
    serving = started(site, mode)
    assert serving.end(signal.SIGKILL) == -signal.SIGKILL


def test_a_second_interrupt_does_not_wait(site: Site) -> None:
    site.edit("mysite/views.py", "time.sleep(1)", "time.sleep(600)")
    serving = started(site)
    connection = serving.connect()
    connection.request("GET", "/slow/")
    until((site.folder / "begun").exists)
    assert serving.process is not None
    serving.process.send_signal(signal.SIGINT)
    serving.wait_for("Waiting for what is in flight")
    assert serving.end(signal.SIGINT) == 0
    connection.close()


def test_noreload_with_a_broken_project_ends_with_an_error(site: Site) -> None:
    site.edit("mysite/urls.py", "from . import views", "from . import nothing_like_it")
    serving = Serving(site.folder, "--noreload")
    serving.start()
    assert serving.process is not None
    assert serving.process.wait(60) == 1
    serving.wait_for("nothing_like_it")


def test_a_server_that_does_not_want_its_arguments(site: Site) -> None:
    serving = Serving(site.folder, "--asgi", "--", "--no-such-option")
    serving.start()
    assert serving.process is not None
    assert serving.process.wait(60) == 2
    serving.wait_for("unrecognized arguments: --no-such-option")
    serving.wait_for("Daphne ended with exit code 2 before it could serve.")


class Terminal:
    """gatewayserve in the foreground of a pseudo-terminal of 80 columns."""

    def __init__(self, site: Site, *arguments: str) -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(site.folder)
            os.execve(sys.executable, [sys.executable, "manage.py", "gatewayserve", *arguments], environment())
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.output = ""

    def read(self) -> str:
        while select.select([self.descriptor], [], [], 0)[0]:
            with suppress(OSError):
                self.output += os.read(self.descriptor, 65536).decode()
                continue
            break
        return self.output

    def has(self, text: str, times: int) -> bool:
        return self.read().count(text) >= times

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def wait(self) -> int:
        code: list[int] = []

        def ended() -> bool:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code.append(os.waitstatus_to_exitcode(status))
            return bool(pid)

        until(ended)
        return code[0]


@contextmanager
def terminal(site: Site, *arguments: str) -> Iterator[Terminal]:
    opened = Terminal(site, *arguments)
    try:
        yield opened
    finally:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(opened.pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                for child in process.children(recursive=True):
                    child.kill()
                process.kill()
        os.close(opened.descriptor)


def test_control_c_in_a_terminal(site: Site) -> None:
    with terminal(site, "0", "--nopanel") as screen:
        until(lambda: "Run 'python manage.py migrate'" in screen.read())
        assert "\x1b[36mhttp://127.0.0.1:" in screen.output  # in colour
        said = len(screen.output)
        screen.type("\x03")
        assert screen.wait() == 0
        assert screen.output[said:].strip() == "^C"


@pytest.mark.parametrize("mode", MODES)
def test_a_view_may_read_from_the_terminal(site: Site, mode: str) -> None:
    """What ``breakpoint()`` needs; and Control-C ends everything also while a worker has the terminal."""
    with terminal(site, "0", mode, "--nopanel") as screen:
        until(lambda: "Quit with" in screen.read())
        address = screen.output.split("http://")[1].split("/")[0]
        serving = Serving(site.folder)
        serving.output = f"Project http://{address}/"
        until(lambda: serving.get("/version/") == "one")
        for answer in ("forty-two", "43"):
            connection = serving.connect()
            connection.request("GET", "/debugger/")
            asked = screen.output.count("Your answer?")
            until(partial(screen.has, "Your answer?", asked + 1))
            screen.type(f"{answer}\n")
            assert connection.getresponse().read().decode() == f"got {answer}"
            connection.close()
        screen.type("\x03")
        assert screen.wait() == 0
