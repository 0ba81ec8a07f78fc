"""Granian on an inherited socket: ``python -m django_gateway.workers.granian --fd 3 …``, and its own command line.

Granian shares a socket with its workers by number, but has no option to be given one; so that one step is ours.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from granian import cli, net
from granian.server import common

from . import spare, tether

_BACKLOG = 1024


def inherit(number: int) -> None:
    """Make every Granian server of this process use that file descriptor."""
    with socket.socket(fileno=os.dup(number)) as listener:
        is_unix = listener.family is socket.AF_UNIX

    holder: Any = net
    server_class: Any = common.AbstractServer

    def inherited(server: Any) -> None:
        server._shd = holder.SocketHolder(number, is_unix, _BACKLOG)
        server._sfd = number
        server._ssp = None

    server_class._init_shared_socket = inherited


def main() -> None:
    tether.end_with_supervisor()
    spare.hold()
    at = sys.argv.index("--fd")
    _, number = sys.argv[at : at + 2]
    del sys.argv[at : at + 2]
    inherit(int(number))
    run: Any = cli.entrypoint
    run()


if __name__ == "__main__":
    main()
