"""The queues of listening sockets, asked of the kernel as ss(8) does it: sock_diag(7), by a netlink socket.

/proc/net tells how many connections wait in a TCP socket's queue, but not how many fit in, and of Unix sockets neither.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
#: NLM_F_REQUEST | NLM_F_DUMP
_DUMP: Final = 0x301
_HEADER: Final = 16
#: Of states only TCP_LISTEN, which Unix sockets use as well.
_LISTENING: Final = 1 << 10
_UDIAG_SHOW_RQLEN: Final = 0x10
_UNIX_DIAG_RQLEN: Final = 4
_TIMEOUT: Final = 1.0


class Queue(NamedTuple):
    """Connections that are made and not yet accepted, and how many the socket was told to let wait: its backlog."""

    waiting: int
    room: int


def queues() -> dict[int, Queue]:
    """Of every listening socket of this network namespace, by inode; those that the kernel tells of, maybe none."""
    found: dict[int, Queue] = {}
    for ask in (_tcp(socket.AF_INET), _tcp(socket.AF_INET6), _unix()):
        try:
            found.update(ask)
        except (AttributeError, OSError, struct.error):  # another system, a container that forbids it, an old kernel
            continue
    return found


def _tcp(family: int) -> Iterator[tuple[int, Queue]]:
    # struct inet_diag_req_v2 without a socket's address, and the end of struct inet_diag_msg.
    for message in _dumped(struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 0, 0, _LISTENING)):
        waiting, room, _, inode = struct.unpack_from("=4I", message, 56)
        yield inode, Queue(waiting, room)


def _unix() -> Iterator[tuple[int, Queue]]:
    # struct unix_diag_req with no cookie, and struct unix_diag_msg with attributes behind it.
    asked = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, _LISTENING, 0, _UDIAG_SHOW_RQLEN, 2**32 - 1, 2**32 - 1)
    for message in _dumped(asked):
        (inode,) = struct.unpack_from("=I", message, 4)
        for kind, value in _parts(message[16:], "=HH", 4):
            if kind == _UNIX_DIAG_RQLEN:
                yield inode, Queue(*struct.unpack_from("=II", value))


def _dumped(request: bytes) -> Iterator[bytes]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG) as asked:
        asked.settimeout(_TIMEOUT)
        head = struct.pack("=IHHII", _HEADER + len(request), _SOCK_DIAG_BY_FAMILY, _DUMP, 1, 0)
        asked.sendto(head + request, (0, 0))
        while True:
            for kind, message in _parts(asked.recv(65_536), "=IH", _HEADER):
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    (number,) = struct.unpack_from("=i", message)
                    raise OSError(-number, "sock_diag")
                yield message


def _parts(data: bytes, form: str, head: int) -> Iterator[tuple[int, bytes]]:
    """Kind and content of what stands in ``data`` one after the other: its length, head included, comes first."""
    while len(data) >= head:
        length, kind = struct.unpack_from(form, data)
        if length < head:
            return
        yield kind, data[head:length]
        data = data[(length + 3) & ~3 :]
