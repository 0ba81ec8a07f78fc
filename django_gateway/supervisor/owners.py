"""Which process listens on a port, as far as Linux lets this user know."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LISTEN = "0A"  # include/net/tcp_states.h


class Owner(NamedTuple):
    pid: int | None
    command: str
    user: str | None = None

    def __str__(self) -> str:
        if self.pid is None:
            return f"a process of the user {self.user}" if self.user else "another process"
        return f"process {self.pid} ({self.command})" if self.command else f"process {self.pid}"


def who_listens(port: int) -> Owner | None:
    """None where nobody is found. Where the process is another user's, only the user may be known."""
    sockets = dict(_listeners(port))
    if not sockets:
        return None
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            for descriptor in (process / "fd").iterdir():
                target = os.readlink(descriptor)
                if target.startswith("socket:[") and target[8:-1] in sockets:
                    return Owner(int(process.name), _command(process))
        except OSError:  # another user's, or gone meanwhile
            continue
    uid = next(iter(sockets.values()))
    try:
        return Owner(None, "", pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Owner(None, "")


def _listeners(port: int) -> Iterator[tuple[str, int]]:
    """Inode and user id of each listening socket on the port."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, _, state, _, _, _, uid, _, inode, *_ = line.split()
            if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                yield inode, int(uid)


def _command(process: Path, width: int = 60) -> str:
    words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    command = "".join(char if char.isprintable() else "?" for char in " ".join(words).strip())
    return command if len(command) <= width else f"{command[: width - 1]}…"
