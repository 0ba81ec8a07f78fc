"""Granian on an inherited socket: ``python -m django_gateway.workers.granian --fd 3 …``, and its own command line.

Granian shares a socket with its workers by number, but has no option to be given one; so that one step is ours. So is
the way its processes end, in which requests were lost.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from granian import _signals, cli, net
from granian.server import common

from . import forked, spare, tether

_BACKLOG = 1024
#: Seconds in which a client that has connected is expected to send its request.
_FRESH = 0.1


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


def end_in_peace(number: int) -> None:
    """Make every process of this Granian that is told to end do so, and lose no request on that listening socket.

    Until it has read something, hyper closes a connection as soon as its server is about to end: workers leave the
    socket to others at once, but end only a little later.
    """
    signals: Any = _signals
    main: Any = common

    def end_soon(event: Any) -> None:
        # The loops of Granian hold the descriptor by its number: from here on it is a socket that nobody connects to.
        with socket.socket(socket.AF_UNIX) as nobody:
            nobody.setblocking(False)
            nobody.bind("")
            nobody.listen()
            os.dup2(nobody.fileno(), number)
        threading.Timer(_FRESH, event.set).start()

    def set_sync_signals() -> Any:
        event = signals.WorkerSignal()
        _when_told_to_end(lambda: end_soon(event))
        return event

    def set_loop_signals(loop: Any) -> Any:
        event = signals.WorkerSignal()
        for one in forked.ENDS:
            loop.add_signal_handler(one, end_soon, event)
        return event

    def set_main_signals(interrupt: Callable[[], object], reload: Callable[..., object]) -> None:
        signal.signal(signal.SIGHUP, reload)
        _when_told_to_end(interrupt)

    signals.set_sync_signals, signals.set_loop_signals = set_sync_signals, set_loop_signals
    main.set_main_signals = set_main_signals
    forked.end_until_ready()


def _when_told_to_end(end: Callable[[], object]) -> None:
    """Call that in a thread of its own on the first signal.

    A handler in Python runs in the main thread, which waits for a lock here. It wakes up if it takes the signal itself,
    but a thread that is being started at the time may take it first, and Granian starts hundreds: such a worker went on
    serving until it was killed.
    """
    waking, woken = socket.socketpair()
    waking.setblocking(False)

    def wait(_kept_open: socket.socket = waking) -> None:
        while woken.recv(1)[0] not in forked.ENDS:
            pass
        end()

    for one in forked.ENDS:
        signal.signal(one, lambda *_: None)
    signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=wait, name="gateway-end", daemon=True).start()


def main() -> None:
    tether.end_with_supervisor()
    spare.hold()
    at = sys.argv.index("--fd")
    _, number = sys.argv[at : at + 2]
    del sys.argv[at : at + 2]
    inherit(int(number))
    end_in_peace(int(number))
    run: Any = cli.entrypoint
    run()


if __name__ == "__main__":
    main()
