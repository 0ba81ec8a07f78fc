"""gatewayserve as a person runs it: a process with a terminal's worth of output."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psutil

from sites import Site, environment

__all__ = [
    "DEADLINE",
    "Serving",
    "Site",
    "Stream",
    "alive",
    "alive_pid",
    "environment",
    "listens",
    "open_request",
    "until",
]
DEADLINE = 60.0
T = TypeVar("T")


def until(condition: Callable[[], T], what: str = "it did not happen") -> T:
    """What ``condition`` returns once it is true."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return found


class Serving:
    """``manage.py gatewayserve``, from its start to its end; leaving the context ends it with Control-C's signal."""

    def __init__(self, folder: Path, *arguments: str, port: str = "0", panel: bool = False, **more: str) -> None:
        self.command = [sys.executable, "manage.py", "gatewayserve", *([port] if port else []), *arguments]
        if not panel:
            self.command.append("--nopanel")
        if "--" in arguments:
            self.command.remove("--nopanel")
            self.command.insert(3, "--nopanel")
        self.folder = folder
        self.environment = environment(**more)
        self.output = ""
        self.process: subprocess.Popen[str] | None = None
        self._family: list[psutil.Process] = []

    def __enter__(self) -> Serving:
        self.start()
        self.wait_for("Quit with CONTROL-C.")
        return self

    def start(self) -> None:
        # A test run that is killed takes it along.
        tether = [sys.executable, "-m", "django_gateway.workers.tether", str(os.getpid())]
        self.process = subprocess.Popen(
            [*tether, *self.command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.output += line

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.output)
        self.end(signal.SIGINT)

    def wait_for(self, text: str, times: int = 1) -> None:
        def seen() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                self._reader.join(DEADLINE)
                assert self.output.count(text) >= times, self.output
            return self.output.count(text) >= times

        until(seen, f"{text!r} was not said")

    def family(self) -> list[psutil.Process]:
        """Its children and theirs; remembered, so that what outlives it is found."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                if child not in self._family:
                    self._family.append(child)
        return [child for child in self._family if alive(child)]

    def end(self, number: int) -> int:
        """Send a signal, and return the exit code once it and all of its children are gone."""
        assert self.process is not None
        self.family()
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            code = self.process.wait(DEADLINE)
            until(lambda: not self.family(), f"children are left: {self.family()}")
        finally:
            for child in self._family:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            self.process.kill()
        self._reader.join(DEADLINE)
        return code

    def _address(self, name: str) -> str:
        found = re.search(rf"^ *{name} +(\S+)", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]

    @property
    def url(self) -> str:
        return self._address("Project")

    @property
    def panel_url(self) -> str:
        return self._address("Panel")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE)

    def request(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        connection = self.connect()
        try:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def get(self, path: str) -> str:
        status, body = self.request(path)
        assert status == 200, (status, body)
        return body


def listens(serving: Serving) -> bool:
    """Whether the address can be connected to. Apache binds it itself, a moment after the start."""
    try:
        with socket.create_connection((serving.host, serving.port)):
            return True
    except ConnectionRefusedError:
        return False


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def alive_pid(pid: int) -> bool:
    try:
        return alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


class Stream:
    """Requests one after another, each on a connection of its own, from several threads; nothing may go wrong."""

    def __init__(self, serving: Serving, path: str, threads: int = 4) -> None:
        self._serving = serving
        self._path = path
        self._stop = threading.Event()
        self.answers: list[tuple[float, str]] = []
        self.errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self) -> None:
        while not self._stop.is_set():
            sent = time.monotonic()
            try:
                self.answers.append((sent, self._serving.get(self._path)))
            except BaseException as error:
                self.errors.append(error)

    def __enter__(self) -> Stream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(DEADLINE)
        assert not self.errors, self.errors

    def has(self, answer: str, times: int) -> bool:
        return self.count(answer) >= times

    def count(self, answer: str) -> int:
        return sum(1 for _, text in self.answers if text == answer)


@contextmanager
def open_request(serving: Serving, path: str) -> Iterator[http.client.HTTPResponse]:
    """A response whose head has come and whose body has not been read."""
    connection = serving.connect()
    try:
        connection.request("GET", path)
        yield connection.getresponse()
    finally:
        connection.close()
