"""Listening sockets, and the connections on them, from /proc/net (proc(5)): of this network namespace."""

from __future__ import annotations

import socket
import struct
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from .queues import Queue, queues

NET: Final = Path("/proc/net")
_LISTEN: Final = "0A"
_ESTABLISHED: Final = "01"
#: A Unix socket's flag for "listens" (__SO_ACCEPTCON).
_ACCEPTS: Final = 0x10000


@dataclass(frozen=True, slots=True)
class Listener:
    inode: int
    #: "tcp" or "unix".
    kind: str
    #: An IP address and a port, or a path.
    host: str
    port: int
    #: Connections that are made and not yet accepted: they wait in the kernel. None where it does not tell.
    waiting: int | None
    #: Connections to it that are open; None where it does not tell.
    open: int | None
    #: How many may wait; None where the kernel does not tell.
    room: int | None = None


def listeners(inodes: set[int]) -> list[Listener]:
    """Those of the given sockets that listen, by port."""
    told = queues()
    found = [_with(listener, told) for listener in (*_tcp("tcp", inodes), *_tcp("tcp6", inodes), *_unix(inodes))]
    return sorted(found, key=lambda listener: (listener.kind, listener.port, listener.host))


def _with(listener: Listener, told: dict[int, Queue]) -> Listener:
    queue = told.get(listener.inode)
    return listener if queue is None else replace(listener, waiting=queue.waiting, room=queue.room)


def _tcp(name: str, inodes: set[int]) -> list[Listener]:
    lines = _lines(name)
    opened = Counter(fields[1].rpartition(":")[2] for fields in lines if fields[3] == _ESTABLISHED)
    found = []
    for fields in lines:
        if fields[3] != _LISTEN or int(fields[9]) not in inodes:
            continue
        host, _, port = fields[1].rpartition(":")
        # For a socket that listens the receive queue's length is that of what waits to be accepted.
        waiting = int(fields[4].partition(":")[2], 16)
        found.append(Listener(int(fields[9]), "tcp", _address(host), int(port, 16), waiting, opened[port]))
    return found


def _unix(inodes: set[int]) -> list[Listener]:
    found = []
    for fields in _lines("unix"):
        if len(fields) > 7 and int(fields[6]) in inodes and int(fields[3], 16) & _ACCEPTS:
            found.append(Listener(int(fields[6]), "unix", " ".join(fields[7:]), 0, None, None))
    return found


def _address(text: str) -> str:
    """From the kernel's hexadecimal: words of 32 bits, each in the machine's own order."""
    words = [int(text[place : place + 8], 16) for place in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)


def _lines(name: str) -> list[list[str]]:
    try:
        text = (NET / name).read_text("utf-8", "backslashreplace")
    except OSError:
        return []
    return [fields for line in text.splitlines()[1:] if len(fields := line.split()) > 6]
