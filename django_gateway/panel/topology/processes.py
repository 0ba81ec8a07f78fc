"""Processes below one, as Linux's /proc shows them (proc(5)). What ends while it is read is left out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_TICK: Final = 1_000_000_000 // (os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100)
_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
#: More are not read: a page is no place for them.
MOST: Final = 200
MOST_THREADS: Final = 64
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Thread:
    tid: int
    name: str
    #: The kernel's letter: R, S, D, T, Z …
    state: str
    #: The kernel's function that it sleeps in; "" where it runs or nobody may know.
    channel: str
    #: CPU time, and time ready without a CPU; nanoseconds, None where the kernel does not tell.
    running: int | None
    ready: int | None


@dataclass(slots=True)
class Process:
    pid: int
    parent: int
    name: str
    arguments: list[str]
    state: str
    #: Bytes in memory.
    memory: int
    #: CPU time in nanoseconds.
    cpu: int
    threads: list[Thread] = field(default_factory=list)
    #: Descriptors of its sockets, by inode.
    sockets: dict[int, list[int]] = field(default_factory=dict)
    children: list[Process] = field(default_factory=list)

    def walk(self) -> Iterator[Process]:
        yield self
        for child in self.children:
            yield from child.walk()


def readable() -> bool:
    """Whether this system tells of its processes: it may have no /proc."""
    return (PROC / "self" / "stat").exists()


def tree(root: int) -> Process | None:
    """The process and all below it; None where it does not live, or there is no /proc."""
    known: dict[int, Process] = {}
    queue = [root]
    while queue and len(known) < MOST:
        pid = queue.pop(0)
        process = _read(pid)
        if process is None or pid in known:
            continue
        known[pid] = process
        if process.parent in known and pid != root:
            known[process.parent].children.append(process)
        queue += _children(pid)
    return known.get(root)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in _listed(PROC / str(pid) / "task"):
        found += [int(child) for child in _text(PROC / str(pid) / "task" / task / "children").split()]
    return sorted(found)


def _read(pid: int) -> Process | None:
    folder = PROC / str(pid)
    stat = _stat(folder / "stat")
    if stat is None:
        return None
    name, fields = stat
    memory = _text(folder / "statm").split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        name=name,
        arguments=[part for part in _text(folder / "cmdline").split("\0") if part],
        state=fields[0],
        memory=int(memory[1]) * _PAGE if len(memory) > 1 else 0,
        cpu=(int(fields[11]) + int(fields[12])) * _TICK,
        threads=[thread for tid in _listed(folder / "task")[:MOST_THREADS] if (thread := _thread(folder, int(tid)))],
        sockets=_sockets(folder),
    )


def _thread(process: Path, tid: int) -> Thread | None:
    folder = process / "task" / str(tid)
    stat = _stat(folder / "stat")
    if stat is None:
        return None
    name, fields = stat
    times = _text(folder / "schedstat").split()
    channel = _text(folder / "wchan").strip()
    return Thread(
        tid,
        name,
        fields[0],
        "" if channel == "0" else channel,
        int(times[0]) if len(times) == 3 else None,
        int(times[1]) if len(times) == 3 else None,
    )


def _stat(path: Path) -> tuple[str, list[str]] | None:
    """The command's name, and the fields from the third one on (state). The name may hold anything."""
    before, found, after = _text(path).rpartition(")")
    fields = after.split()
    return (before.partition("(")[2], fields) if found and len(fields) > 12 else None


def _sockets(process: Path) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for name in _listed(process / "fd"):
        try:
            match = _SOCKET.fullmatch(os.readlink(process / "fd" / name))
        except OSError:
            continue
        if match:
            found.setdefault(int(match[1]), []).append(int(name))
    return found


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder), key=int)
    except (OSError, ValueError):
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "backslashreplace")
    except OSError:
        return ""
