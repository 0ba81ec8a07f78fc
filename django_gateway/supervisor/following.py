"""Reading a log that somebody else writes: every line once, whichever file it stands in, and after a restart too.

How far each file was read is noted, by its inode, beside the log. A file that was moved away is read to its end; one
that nobody has written to for a while is removed.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

#: Bytes after which a log is to be moved away.
LIMIT: Final = 8 * 1024 * 1024
_MOST: Final = 1024 * 1024
#: Files that were moved away and are still looked at.
_OLD: Final = 3


class Follower:
    """``lines`` gives what is new, again and again until ``done`` says that it was dealt with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._note = path.with_name(f"{path.name}.offsets")
        self._noted = _read(self._note)
        #: By inode, the oldest first: the open file, and how far it was dealt with.
        self._files: dict[int, tuple[BinaryIO, int]] = {}
        self._next: dict[int, int] = {}
        self._opened = False

    def lines(self) -> list[bytes]:
        """Whole lines, of the older files first; at most a mebibyte of each."""
        self._open()
        found: list[bytes] = []
        for inode, (file, offset) in self._files.items():
            start = offset if offset <= os.fstat(file.fileno()).st_size else 0  # emptied
            file.seek(start)
            data = file.read(_MOST)
            whole = data.rfind(b"\n") + 1
            if not whole and len(data) == _MOST:
                whole = _MOST  # a line that long is nobody's
            self._next[inode] = start + whole
            found += data[:whole].splitlines()
        return found

    def done(self) -> None:
        changed = False
        for inode, (file, offset) in self._files.items():
            following = self._next.get(inode, offset)
            if following != offset:
                self._files[inode] = file, following
                changed = True
        if changed:
            told = {str(inode): offset for inode, (_, offset) in self._files.items()}
            with suppress(OSError):
                self._note.write_text(json.dumps(told), encoding="ascii")

    @property
    def size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def move_away(self) -> bool:
        """Give the log another name; its writer is to open a new one then. Whether there was one."""
        old = [self._path.with_name(f"{self._path.name}.{number}") for number in range(1, _OLD + 1)]
        try:
            old[-1].unlink(missing_ok=True)
            for younger, older in reversed(list(pairwise(old))):
                if younger.exists():
                    younger.rename(older)
            self._path.rename(old[0])
        except OSError:
            return False
        return True

    def close(self) -> None:
        for file, _ in self._files.values():
            file.close()
        self._files.clear()

    def _open(self) -> None:
        names = [self._path.with_name(f"{self._path.name}.{number}") for number in range(_OLD, 0, -1)]
        for path in (*names, self._path):
            with suppress(OSError):
                inode = path.stat().st_ino
                if inode not in self._files:
                    # What was noted is another process' word: a file that comes later is a new one in any case.
                    offset = 0 if self._opened else self._noted.get(inode, 0)
                    self._files[inode] = path.open("rb", buffering=0), offset
        self._opened = True
        for inode in list(self._files)[: -_OLD - 1]:
            self._files.pop(inode)[0].close()


def _read(note: Path) -> dict[int, int]:
    try:
        told = json.loads(note.read_text(encoding="ascii"))
        return {int(inode): int(offset) for inode, offset in told.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
