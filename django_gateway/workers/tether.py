"""``python -m django_gateway.workers.tether PARENT command …``: become the command, and end when the parent does.

For programs that know nothing of the supervisor's channel. PARENT is the supervisor's process id.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

from .environment import SUPERVISOR

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def end_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent ends; end now if it already has. Kept across exec; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)


def end_with_supervisor() -> None:
    """As above; where no supervisor has started this process, with whoever has."""
    end_with_parent(int(os.environ.get(SUPERVISOR) or os.getppid()))


def end_with_group() -> None:
    """As above, with whoever has started this process, be it that the first of its group, who keeps it, is gone."""
    end_with_parent(os.getppid())
    try:
        os.kill(os.getpgrp(), 0)
    except ProcessLookupError:
        sys.exit(1)


def main() -> None:
    parent, *command = sys.argv[1:]
    end_with_parent(int(parent))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
