"""Workers that a server forks from the process that we start."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Final

#: What a server tells its workers to end with.
ENDS: Final = (signal.SIGINT, signal.SIGTERM)


def end_until_ready() -> None:
    """Have what this process forks end by a signal, as long as it has no handler of its own for it.

    Until then it has its parent's, which does nothing for it: it would go on to import the project, and serve.
    """
    starter = os.getpid()

    def forget() -> None:
        if os.getppid() != starter:
            return
        with suppress(ValueError):  # of another thread than the main one
            signal.set_wakeup_fd(-1)
            for one in ENDS:
                signal.signal(one, signal.SIG_DFL)

    os.register_at_fork(after_in_child=forget)
