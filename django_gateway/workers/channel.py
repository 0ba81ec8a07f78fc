"""The worker's end of its channel to the supervisor: one socket, one JSON message a packet.

The channel is also the lifeline: when the supervisor ends, however it ends, reading finds the end of it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .environment import CHANNEL, GRACE

#: Larger than any message; a packet that is longer would be cut.
PACKET = 1 << 17


class Channel:
    """Without a supervisor (a worker program started by hand) it swallows what is sent and receives nothing."""

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def fileno(self) -> int:
        return -1 if self._connection is None else self._connection.fileno()

    def send(self, kind: str, **what: Any) -> None:
        if self._connection is None:
            return
        with suppress(OSError):  # the supervisor is gone, and whoever reads the channel ends this process
            self._connection.send(json.dumps({"kind": kind, **what}).encode())

    def receive(self) -> Mapping[str, Any] | None:
        """The supervisor's next message; None when it has ended."""
        if self._connection is None:
            return None
        try:
            packet = self._connection.recv(PACKET)
        except OSError:
            return None
        return json.loads(packet) if packet else None

    def hold_on(self) -> None:
        """End this process when the supervisor ends: as on SIGTERM first, and for good soon after."""
        if self._connection is not None:
            threading.Thread(target=self._wait_for_end, name="gateway-lifeline", daemon=True).start()

    def _wait_for_end(self) -> None:
        while self.receive() is not None:
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(GRACE + 1)
        os._exit(1)


def _inherited() -> Channel:
    number = os.environ.pop(CHANNEL, None)
    if number is None:
        return Channel(None)
    try:
        connection = socket.socket(fileno=int(number))
    except (OSError, ValueError) as error:
        sys.exit(f"{CHANNEL} is for gatewayserve's own workers: {error}")
    # What the project starts has no business with it, and must not keep it open.
    connection.set_inheritable(False)
    return Channel(connection)


#: This process' channel.
channel = _inherited()
