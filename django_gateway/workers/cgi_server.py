"""``python -m django_gateway.workers.cgi_server FOLDER READY… -- SIGNAL program … [-- SIGNAL program …]``

Keeps a web server for as long as the supervisor lives: starts its programs in FOLDER, says that it serves once the
files named READY are there, and ends the programs, and every script that they have started, when it is told to end.
``--fd N`` before FOLDER is a listening socket for the last program, ``--listen NAME`` a Unix socket in FOLDER that the
programs before it have as standard input, as is usual for FastCGI: it can be connected to before any of them runs.
"""

from __future__ import annotations

import argparse
import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ..servers.cgi import CHANGES, passed_on
from . import group, tether
from .cgi_rehearsal import Rehearsals
from .channel import channel

#: Seconds in which requests may end in peace, then seconds for scripts that are told to end. Somebody has pressed
#: Control-C and waits: nothing else ends a web server here.
_PEACE = 1.0
_LAST = 0.7
_LOOK = 0.01
_BACKLOG = 1024


@dataclass
class Program:
    end_with: signal.Signals
    process: subprocess.Popen[bytes]


class Keeper:
    def __init__(
        self,
        folder: Path,
        ready: Sequence[str],
        commands: Sequence[Sequence[str]],
        descriptors: Sequence[int],
        listen: str | None,
    ) -> None:
        self._folder = folder
        self._ready = [folder / name for name in ready]
        self._commands = commands
        self._descriptors = descriptors
        self._listen = listen
        self._programs: list[Program] = []
        self._ended = False
        self._rehearsals = Rehearsals(str(folder / CHANGES))

    def run(self) -> int:
        """Until told to end, or until a program ends; returns the exit code."""
        wake, woken = socket.socketpair()
        for end in (wake, woken):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._told_to_end)
        for path in self._ready:
            path.unlink(missing_ok=True)
        stderr, copying = _stderr()
        *before, last = self._commands
        with _listening(self._folder, self._listen) as listener:
            for command in before:
                self._start(command, stderr, stdin=listener.fileno())
        self._start(last, stderr, descriptors=self._descriptors)
        copying.start()
        with selectors.DefaultSelector() as selector:
            selector.register(wake, selectors.EVENT_READ)
            if channel.connected:
                selector.register(channel.fileno(), selectors.EVENT_READ)
            serving = False
            while not self._ended:
                events = {key.fd for key, _ in selector.select(None if serving else _LOOK)}
                with suppress(BlockingIOError):
                    while wake.recv(64):
                        pass
                code = next((code for one in self._programs if (code := one.process.poll()) is not None), None)
                if code is not None:
                    self._end()
                    return code or 1
                if channel.fileno() in events:
                    self._heard()
                if not serving and all(path.exists() for path in self._ready):
                    serving = True
                    channel.send("serving")
                    self._rehearsals.start()
        self._end()
        return 0

    def _told_to_end(self, *_: object) -> None:
        self._ended = True

    def _start(
        self, command: Sequence[str], stderr: int, *, stdin: int = subprocess.DEVNULL, descriptors: Sequence[int] = ()
    ) -> None:
        end_with, *argv = command
        parent = os.getpid()
        process = subprocess.Popen(
            argv,
            cwd=self._folder,
            env=passed_on(os.environ),
            stdin=stdin,
            stdout=stderr,
            stderr=stderr,
            pass_fds=descriptors,
            preexec_fn=lambda: tether.end_with_parent(parent),  # noqa: PLW1509 (no thread has been started yet)
        )
        self._programs.append(Program(signal.Signals[end_with], process))

    def _heard(self) -> None:
        message = channel.receive()
        if message is None:
            self._ended = True
        elif message["kind"] == "changed":
            self._rehearsals.changed(message["variables"])

    def _end(self) -> None:
        """Programs first, the last one before those that work for it; then whatever is left in this process group."""
        self._rehearsals.end()
        for program in reversed(self._programs):
            with suppress(ProcessLookupError):
                program.process.send_signal(program.end_with)
            with suppress(subprocess.TimeoutExpired):
                program.process.wait(_PEACE)
        group.end(signal.SIGTERM, _LAST)
        group.end(signal.SIGKILL, _LAST)


def _listening(folder: Path, name: str | None) -> socket.socket:
    """A Unix socket of that name, whose path may be too long for one; without a name, one that nobody finds."""
    listener = socket.socket(socket.AF_UNIX)
    if name is not None:
        (folder / name).unlink(missing_ok=True)
        directory = os.open(folder, os.O_PATH)
        try:
            listener.bind(f"/proc/self/fd/{directory}/{name}")
        finally:
            os.close(directory)
        listener.listen(_BACKLOG)
    return listener


def _stderr() -> tuple[int, threading.Thread]:
    """Where the programs' standard error goes, which is ours, and a thread to start once they are there.

    Apache opens it by its name, which a socket does not allow: then it is a pipe, and the thread reads it.
    """
    reading, writing = os.pipe() if stat.S_ISSOCK(os.fstat(2).st_mode) else (-1, 2)

    def copy() -> None:
        while reading >= 0 and (data := os.read(reading, 65536)):
            os.write(2, data)

    return writing, threading.Thread(target=copy, name="gateway-stderr", daemon=True)


def main() -> int:
    own, *commands = [list(words) for is_end, words in groupby(sys.argv[1:], lambda word: word == "--") if not is_end]
    parser = argparse.ArgumentParser(prog="gatewayserve --cgi", allow_abbrev=False)
    parser.add_argument("--fd", type=int, action="append", default=[])
    parser.add_argument("--listen")
    parser.add_argument("folder", type=Path)
    parser.add_argument("ready", nargs="*")
    options = parser.parse_args(own)
    group.make()
    (options.folder / "temporary").mkdir(parents=True, exist_ok=True)
    return Keeper(options.folder, options.ready, commands, options.fd, options.listen).run()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: channel.send("interrupt"))
    sys.exit(main())
