"""``python -m django_gateway.workers.activate FD command …``: become the command, with the socket where it expects one.

This is how systemd hands a listening socket to a service (sd_listen_fds(3)): as descriptor 3, with two variables.
"""

from __future__ import annotations

import os
import sys

_FIRST = 3


def main() -> None:
    descriptor, *command = sys.argv[1:]
    if int(descriptor) != _FIRST:
        os.dup2(int(descriptor), _FIRST)
        os.close(int(descriptor))
    os.set_inheritable(_FIRST, True)
    os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
