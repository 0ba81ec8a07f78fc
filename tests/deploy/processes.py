"""Processes from their start to their end, each with a log that is shown where a test fails."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

from serving import DEADLINE, environment, until

#: Seconds until a process that was told to end is told again.
_AGAIN: Final = 10
#: Proxies are run by somebody without rights, who is in the group that the application's socket is for.
NOBODY: Final[dict[str, Any]] = {"user": 65534, "group": os.getgid(), "extra_groups": []} if os.geteuid() == 0 else {}


class Process:
    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        unprivileged: bool = False,
        cwd: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                list(command),
                cwd=cwd,
                env=environment(**variables or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **(NOBODY if unprivileged else {}),
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def until(self, condition: Any, what: str) -> None:
        def ready() -> bool:
            assert self.popen.poll() is None, f"{what}: it ended with {self.popen.returncode}\n{self.said()}"
            return bool(condition())

        try:
            until(ready, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}") from error

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code. Whatever is left of its session is killed."""
        try:
            # uWSGI's workers answer before its master listens for signals: an early one is lost.
            for _ in range(int(DEADLINE / _AGAIN)):
                if self.popen.poll() is None:
                    self.popen.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    return self.popen.wait(_AGAIN)
            return self.popen.wait(_AGAIN)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    *,
    unprivileged: bool = False,
    cwd: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Process]:
    process = Process(command, log, unprivileged=unprivileged, cwd=cwd, variables=variables)
    try:
        yield process
    except BaseException:
        print(f"--- {log.name}\n{process.said()}")
        raise
    finally:
        process.end()


def accepts(place: str | int | tuple[str, int]) -> bool:
    """Whether somebody listens there: a socket's path, a port of the loopback, or a host and port."""
    family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(DEADLINE)
        try:
            client.connect(("127.0.0.1", place) if isinstance(place, int) else place)
        except OSError:
            return False
    return True


def free_port() -> int:
    """Below those that the system gives to clients, so that none takes it before a server does."""
    random = SystemRandom()
    while True:
        port = random.randrange(18_000, 32_000)
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def unit_settings(text: str) -> Mapping[str, str]:
    """The last value of each setting of a systemd unit."""
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def exec_start(unit: str) -> list[str]:
    """The command line of a unit, as systemd.service(5) reads it."""
    return [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(unit_settings(unit)["ExecStart"])]
