"""A child process, in a process group of its own, with a channel to it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..workers.environment import CHANNEL, SUPERVISOR

Message = Mapping[str, Any]
_PACKET = 1 << 17


class Child:
    """``on_message(child, message)`` is called for what it says, ``on_end(child)`` once, when it has ended.

    ``reads`` says whether it has our standard input.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Iterable[int] = (),
        *,
        on_message: Callable[[Child, Message], None],
        on_end: Callable[[Child], None],
        reads: bool = True,
    ) -> None:
        self._on_message = on_message
        self._on_end = on_end
        #: Exit code; negative for a signal, as subprocess has it; None while it runs.
        self.code: int | None = None
        #: What tells it to end.
        self.end_with = signal.SIGTERM
        self.ended = asyncio.Event()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        self._unsent: deque[bytes] = deque()
        self._killing: asyncio.TimerHandle | None = None
        with theirs:
            self._process = subprocess.Popen(
                argv,
                env={**environment, CHANNEL: str(theirs.fileno()), SUPERVISOR: str(os.getpid())},
                pass_fds=(*descriptors, theirs.fileno()),
                stdin=None if reads else subprocess.DEVNULL,
                process_group=0,
            )
        self.pid = self._process.pid
        asyncio.get_running_loop().add_reader(self._channel, self._read)

    def send(self, kind: str, **what: Any) -> None:
        self._unsent.append(json.dumps({"kind": kind, **what}).encode())
        if len(self._unsent) == 1:
            self._write()

    def _write(self) -> None:
        try:
            while self._unsent:
                self._channel.send(self._unsent[0])
                self._unsent.popleft()
        except BlockingIOError:  # it is busy importing, and reads later
            asyncio.get_running_loop().add_writer(self._channel, self._write)
            return
        except OSError:
            self._unsent.clear()
        if self._channel.fileno() >= 0:
            asyncio.get_running_loop().remove_writer(self._channel)

    def terminate(self, grace: float) -> None:
        """Tell it to end now, SIGKILL to its whole group after ``grace`` seconds."""
        if self.code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, self.end_with)
            if self._killing is None:
                self._killing = asyncio.get_running_loop().call_later(grace, self.kill)

    def kill(self) -> None:
        if self.code is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def kill_rest(self) -> None:
        """End what it has left behind in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def resume(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGCONT)

    def look(self) -> int | None:
        """See whether it has ended or was stopped; returns the signal that stopped it."""
        if self.code is not None:
            return None
        state = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WSTOPPED | os.WNOHANG)
        if state is None:
            return None
        if state.si_code == os.CLD_STOPPED:
            return state.si_status
        self.code = state.si_status if state.si_code == os.CLD_EXITED else -state.si_status
        self._process.returncode = self.code
        if self._killing is not None:
            self._killing.cancel()
        self._read()  # its last words
        self._close()
        self.ended.set()
        self._on_end(self)
        return None

    def _read(self) -> None:
        while True:
            try:
                packet = self._channel.recv(_PACKET)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._close()
                return
            self._on_message(self, json.loads(packet))

    def _close(self) -> None:
        if self._channel.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._channel)
            asyncio.get_running_loop().remove_writer(self._channel)
            self._channel.close()
