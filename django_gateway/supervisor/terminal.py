"""Job control, as a shell does it: a worker that reads from the terminal (``breakpoint()``) gets it.

The workers are in process groups of their own, so that Control-C is the supervisor's alone. The kernel stops one that
reads from the terminal all the same; it is then brought to the foreground and goes on.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

#: What stops a process that uses the terminal from the background.
WANTED = (signal.SIGTTIN, signal.SIGTTOU)


class Terminal:
    def __init__(self) -> None:
        self._descriptor: int | None = None
        with suppress(OSError, ValueError, AttributeError):
            if sys.stdin.isatty():
                self._descriptor = sys.stdin.fileno()

    def lend(self, group: int) -> None:
        """Let the process group have the terminal, where it is ours to give, and let it go on."""
        if self._descriptor is None or not self._is_foreground(os.getpgrp()):
            return
        self._give(group)
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGCONT)

    def take_back(self, group: int) -> None:
        if self._descriptor is not None and self._is_foreground(group):
            self._give(os.getpgrp())

    def _is_foreground(self, group: int) -> bool:
        assert self._descriptor is not None
        try:
            return os.tcgetpgrp(self._descriptor) == group
        except OSError:
            return False

    def _give(self, group: int) -> None:
        assert self._descriptor is not None
        # From the background, giving the terminal away would stop this process too.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            with suppress(OSError):
                os.tcsetpgrp(self._descriptor, group)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTTOU})
