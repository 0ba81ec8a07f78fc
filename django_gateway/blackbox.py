"""What is in flight, in memory that outlives its process: a file beside the store, mapped by the process that serves.

Each exchange in flight has a slot there: who it is, and the event that it reached last, which the recording writes with
one assignment. Whatever ends the process, the kernel keeps the pages; ``stores.salvage`` reads them once nobody holds
the lock of the file any more, which the kernel lets go with the process. Headers, queries and bodies are not in it.

The file: a header, ``SLOTS`` slots, and the words of the vocabulary that name events. Numbers are in the byte order of
the machine, since nobody else reads it.
"""

from __future__ import annotations

import atexit
import fcntl
import mmap
import os
import socket
import stat
import struct
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from . import native
from .ending import with_multiprocessing
from .vocabulary import Vocabulary

#: Eight bytes without a sign. Python converts to C's own ``unsigned long`` twice as fast.
ITEM: Final = "L" if struct.calcsize("@L") == 8 else "Q"
SLOTS: Final = 1_024
#: Bytes.
SLOT: Final = 256
#: Items of a slot, eight bytes each; text is behind them. The crossing is the one that is under way, 0 for none; an id
#: of 0 is a free slot; LENGTH counts the text's bytes, also those that found no room. PIECE is the size of the last
#: chunk or message, CHUNKS and BYTES those that were handed over.
WORD, INSTANT, CROSSING, SET_OUT, ID, STARTED_AT, STARTED, LENGTH, STATUS, PIECE, CHUNKS, BYTES = range(12)
TEXT: Final = 12 * 8
HEADER: Final = 4_096
WORDS_AT: Final = HEADER + SLOTS * SLOT
SIZE: Final = WORDS_AT + 256 * 1024
MAGIC: Final = b"gateway flight 1"
#: Magic, process, vocabulary, and the length of an ``Origin`` behind it.
HEAD: Final = struct.Struct("=16sQQQ")
#: Number and length of a word, which follows.
WORD_HEAD: Final = struct.Struct("=II")
#: Bytes of a word.
LONGEST: Final = 1_024
#: The first byte of a short array in MessagePack, but for its length: an event's word is one, most others are not.
_ARRAY: Final = 0x90
#: What a file is called; one that is not complete yet ends otherwise.
SUFFIX: Final = ".box"
UNFINISHED: Final = ".new"
#: Files of one folder: processes that live, and those whose end nobody has looked at yet.
MOST: Final = 512

#: What a recording writes into that has no slot.
UNMARKED: Final = memoryview(bytearray(SLOT)).cast(ITEM)

_occupy: Final = struct.Struct(f"@12{ITEM}{SLOT - TEXT}s").pack_into


class Origin(msgspec.Struct, array_like=True):
    """Who serves: what is the same for all exchanges of a process."""

    server: str | None
    version: str | None
    host: str


class Flying(Protocol):
    """A recording, as far as its slot is concerned."""

    id: int
    interface: str
    type: str
    vantage: str
    method: str | None
    path: str
    started_at: int
    started: int
    server: tuple[str | None, str | None]
    mark: Any


def pieces(recording: Any, size: int) -> None:
    """Mark that a recording's last piece had this many bytes, and what it has handed over."""
    mark = recording.mark
    mark[PIECE], mark[CHUNKS], mark[BYTES] = size, recording.chunks, recording.bytes_out


class BlackBox:
    """Of one process. Its file is made when something begins, in a forked child another one."""

    # What C asks for by its place.
    __slots__ = ("__dict__", "__weakref__", "_free")

    def __init__(self, folder: Path, vocabulary: Vocabulary, prepare: Callable[[Path], object]) -> None:
        """``prepare`` makes the folder around ``folder``, or raises OSError."""
        self._folder = folder
        self._vocabulary = vocabulary
        self._prepare = prepare
        #: The recordings that may have a slot.
        self.in_flight: Mapping[int, Flying] = {}
        self._reset()
        _boxes.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Any] = []
        self._used = 0
        self._memory: memoryview | None = None
        self._descriptor: int | None = None
        self._path: Path | None = None
        self._words_end = WORDS_AT

    def enter(self, recording: Flying) -> None:
        """Give it a slot, where there is one."""
        try:
            mark = self._free.pop()
        except IndexError:
            mark = self._another(recording)
            if mark is None:
                return
        text = (
            f"{recording.interface}\0{recording.type}\0{recording.vantage}\0{recording.method or ''}\0{recording.path}"
        )
        told = text.encode("utf-8", "replace")
        _occupy(mark, 0, 0, 0, 0, 0, recording.id, recording.started_at, recording.started, len(told), 0, 0, 0, 0, told)
        recording.mark = mark

    def leave(self, recording: Flying) -> None:
        mark = recording.mark
        if mark is not UNMARKED:
            recording.mark = UNMARKED
            mark[ID] = 0
            self._free.append(mark)

    def _another(self, recording: Flying) -> Any:
        """A slot that nobody has had; None where all are taken, or no file can be had."""
        if self._used >= SLOTS:
            return None
        with self._lock:
            if self._memory is None:
                try:
                    self._open(Origin(*recording.server, socket.gethostname()))
                except (OSError, ValueError):  # a full disk, a folder that is not ours: the store says so itself
                    self._used = SLOTS
            if self._memory is None or self._used >= SLOTS:
                return None
            start = HEADER + self._used * SLOT
            self._used += 1
            return self._memory[start : start + SLOT].cast(ITEM)

    def _open(self, origin: Origin) -> None:
        """Raises OSError."""
        self._prepare(self._folder.parent)
        folder = _opened_folder(self._folder)
        try:
            if len(os.listdir(folder)) >= MOST:
                raise OSError("too many processes have ended without a word")
            name = f"{os.getpid()}-{time.time_ns():x}"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(name + UNFINISHED, flags, 0o600, dir_fd=folder)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # a reader may be looking whether it is an old one
                _allocate(descriptor)
                memory = memoryview(mmap.mmap(descriptor, SIZE))
                told = msgspec.msgpack.encode(origin)
                HEAD.pack_into(memory, 0, MAGIC, os.getpid(), self._vocabulary.key, len(told))
                memory[HEAD.size : HEAD.size + len(told)] = told
                os.rename(name + UNFINISHED, name + SUFFIX, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.close(descriptor)
                os.unlink(name + UNFINISHED, dir_fd=folder)
                raise
        finally:
            os.close(folder)
        self._memory, self._descriptor, self._path = memory, descriptor, self._folder / (name + SUFFIX)
        self._vocabulary.tell(self._tell)
        with_multiprocessing(_close_all)

    def _tell(self, number: int, encoded: bytes) -> None:
        """Write a word that is new, where it names an event: the store may never get it."""
        end = self._words_end + WORD_HEAD.size + len(encoded)
        # Marks are short; what is longer tells of a resolver's attempts, of headers, of a whole process.
        if self._memory is None or end > SIZE or len(encoded) > LONGEST or encoded[0] & 0xF0 != _ARRAY:
            return
        self._memory[self._words_end + WORD_HEAD.size : end] = encoded
        WORD_HEAD.pack_into(self._memory, self._words_end, number, len(encoded))
        self._words_end = end

    def close(self) -> None:
        """The process ends: the file goes, unless something is in flight, which is to be told."""
        path, self._path = self._path, None
        memory = self._memory
        if path is None or memory is None:
            return
        slots = memory[HEADER:WORDS_AT].cast(ITEM)
        if not any(slots[ID :: SLOT // 8]):
            with suppress(OSError):
                path.unlink()

    def _forked(self) -> None:
        # What the parent serves is no business of the child's, and its memory is shared.
        for recording in list(self.in_flight.values()):
            recording.mark = UNMARKED
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._vocabulary.told = None
        self._reset()


def _allocate(descriptor: int) -> None:
    """All of it on the disk now: a page that found no room there later would kill the process. Raises OSError."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, SIZE)
    elif os.pwrite(descriptor, bytes(SIZE), 0) != SIZE:
        raise OSError("no room on the disk")


def _opened_folder(path: Path) -> int:
    """A descriptor of the folder, made where it is missing, for its owner alone. Raises OSError."""
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
        os.close(descriptor)
        raise PermissionError(f"{path} can be written by others")
    return descriptor


_boxes: weakref.WeakSet[BlackBox] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for box in list(_boxes):
        box.close()


def _forked() -> None:
    for box in list(_boxes):
        box._forked()


os.register_at_fork(after_in_child=_forked)


_enter, _leave, _pieces = BlackBox.enter, BlackBox.leave, pieces

if not TYPE_CHECKING and native.core is not None:
    native.core.connect_box(BlackBox, _enter, _leave, _pieces)
    BlackBox.enter, BlackBox.leave, pieces = native.core.enter, native.core.leave, native.core.pieces
