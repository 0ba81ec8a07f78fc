"""uWSGI: ``python -m django_gateway.workers.uwsgi …``, its own command line, kept by this process until it has ended.

Its master hears no second word: told to end while a worker still loads the project, it waits for ever for that worker,
which knows nothing of it and goes on to serve. So whoever has still to hear it is told again here.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Final

from . import group, tether
from .environment import CHANNEL, GRACE, TERMINAL

#: Seconds between two looks while it ends, and after how many it is over in any case.
_AGAIN: Final = 0.2
_LAST: Final = GRACE + 1


class Keeper:
    """It closes every file that it does not know and sends what it says to its log: it is told what to leave open."""

    def __init__(self, program: str, arguments: list[str]) -> None:
        terminal = os.dup(2)
        channel = os.environ.get(CHANNEL)
        kept = [str(terminal), *filter(None, [channel])]
        for descriptor in kept:
            os.set_inheritable(int(descriptor), True)
        self._told = False
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._told_to_end)
        self._poll = select.poll()
        self._poll.register(self._woken, select.POLLIN)
        if channel is not None:
            # Its workers read it. That the other end is closed is said in any case.
            self._poll.register(int(channel), 0)
        own = os.getpid()
        self._process = subprocess.Popen(
            [program, *(f"--safe-fd={descriptor}" for descriptor in kept), *arguments],
            env={**os.environ, TERMINAL: str(terminal)},
            close_fds=False,
            preexec_fn=lambda: tether.end_with_parent(own),  # noqa: PLW1509 (there is no thread)
        )

    def _told_to_end(self, *_: object) -> None:
        self._told = True

    def run(self) -> int:
        """Until it has ended; returns its exit code, negative for a signal."""
        while self._process.poll() is None and not self._told:
            for descriptor, _ in self._poll.poll():
                if descriptor != self._woken:
                    self._told = True  # the supervisor is gone
            self._drain()
        deadline = time.monotonic() + _LAST
        while self._process.poll() is None and time.monotonic() < deadline:
            self._tell()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_AGAIN)
        group.end(signal.SIGKILL, _AGAIN)
        return self._process.wait()

    def _tell(self) -> None:
        """The master, and each worker by the signal with which the master would tell it."""
        master = self._process.pid
        workers = [member.pid for member in group.others() if member.parent == master]
        self._process.send_signal(signal.SIGTERM)
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._woken, 64):
                pass


def main() -> None:
    tether.end_with_supervisor()
    group.make()
    program = shutil.which("uwsgi", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    if program is None:
        sys.exit("uWSGI's program is not installed, or not in PATH.")
    code = Keeper(program, sys.argv[1:]).run()
    if code < 0:
        # As it ended, so that the supervisor can say it.
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
