"""uWSGI: ``python -m django_gateway.workers.uwsgi …``, its own command line.

It closes every file that it does not know and sends what it says to its log, so it is told what to leave open.
"""

from __future__ import annotations

import os
import shutil
import sys

from . import tether
from .environment import CHANNEL, TERMINAL


def main() -> None:
    tether.end_with_parent(os.getppid())
    terminal = os.dup(2)
    os.environ[TERMINAL] = str(terminal)
    kept = [str(terminal), *filter(None, [os.environ.get(CHANNEL)])]
    for descriptor in kept:
        os.set_inheritable(int(descriptor), True)
    program = shutil.which("uwsgi", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    if program is None:
        sys.exit("uWSGI's program is not installed, or not in PATH.")
    os.execv(program, [program, *(f"--safe-fd={descriptor}" for descriptor in kept), *sys.argv[1:]])


if __name__ == "__main__":
    main()
