"""What the black boxes of dead processes tell: the exchanges they were in, and the last event of each.

A box belongs to whoever holds its lock: its process as long as it lives, then one reader, who takes the file away when
its exchanges are kept. What is in a file is not believed: it may be cut off, of another version, or somebody's joke.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from .. import blackbox
from ..events import EVENT_FIELDS
from ..exchange import HTTP, INTERRUPTED, LIFESPAN, WEBSOCKET, Exchange, Server, Sizes, Split
from ..vocabulary import OWN, Dictionary, Words

_INTERFACES: Final = ("cgi", "wsgi", "asgi")
_KINDS: Final = (HTTP, WEBSOCKET, LIFESPAN)
_VANTAGES: Final = ("wrapper", "handler", "middleware")
_STATUSES: Final = 1_000
_PIECES: Final = frozenset({"wsgi.body", "wsgi.write", "http.response.body", "websocket.send", "websocket.receive"})
#: What the word of a crossing begins with, which is for its end.
_CROSSING: Final = "crossing.to_"
_UNSEEN: Final = (
    "The way it came and its headers: its process was gone before they were stored. "
    "What is told here was found in memory that the process had left behind."
)
#: Nanoseconds that an exchange may have lasted: a connection of ten years.
_AGES: Final = 10 * 366 * 86_400 * 10**9
_INTEGER: Final = 2**63
#: A half-made file is left alone for so long: seconds.
_GRACE: Final = 60.0


class Slot(NamedTuple):
    """An exchange that was in flight; ``word`` and ``crossing`` are numbers of words, 0 for none."""

    id: int
    started_at: int
    started: int
    word: int
    instant: int
    crossing: int
    set_out: int
    status: int | None
    #: Bytes of the last chunk or message; chunks and bytes handed over.
    piece: int
    chunks: int
    bytes_out: int
    interface: str
    kind: str
    vantage: str
    method: str | None
    path: str


class Wreck(NamedTuple):
    pid: int
    vocabulary: int
    origin: blackbox.Origin
    slots: list[Slot]
    #: Encoded words that name events, by their numbers.
    words: dict[int, bytes]

    def interrupted(self, slot: Slot) -> Exchange:
        """All that is known of one that the store does not have."""
        server = Server(self.origin.server, self.origin.version, self.pid, "", self.origin.host)
        return Exchange(
            slot.id,
            slot.interface,
            slot.kind,
            INTERRUPTED,
            slot.started_at,
            slot.started,
            None,
            slot.method,
            slot.path,
            "",
            slot.status,
            None,
            server,
            None,
            None,
            None,
            self._reached(slot, Dictionary(self.words)),
            None,
            None,
            None,
            None,
            Sizes(body_bytes=slot.bytes_out, chunks=slot.chunks),
            Split(),
            slot.vantage,
            [_UNSEEN],
        )

    def completed(self, slot: Slot, exchange: Exchange) -> Exchange:
        """``exchange``, as it was when the store last saw it, with what it reached after that."""
        known = {(event[0], event[1]) for event in exchange.trail}
        news = [event for event in self._reached(slot, Dictionary(self.words)) if (event[0], event[1]) not in known]
        return msgspec.structs.replace(
            exchange,
            state=INTERRUPTED,
            status=exchange.status or slot.status,
            trail=[*exchange.trail, *news],
            sizes=msgspec.structs.replace(
                exchange.sizes,
                body_bytes=max(slot.bytes_out, exchange.sizes.body_bytes),
                chunks=max(slot.chunks, exchange.sizes.chunks),
            ),
            # Where it was then is not where it ended.
            stack=None if news else exchange.stack,
        )

    @staticmethod
    def _reached(slot: Slot, words: Words) -> list[list[Any]]:
        """The last event, and the crossing that was under way, in the order they came."""
        marks = [(slot.word, slot.instant), (slot.crossing, slot.set_out)]
        events = [_event(words, word, at, slot.piece) for word, at in marks if word and 0 <= at - slot.started < _AGES]
        return sorted((event for event in events if event is not None), key=lambda event: int(event[1]))


def _event(words: Words, number: int, instant: int, piece: int) -> list[Any] | None:
    """``[name, instant, *fields]``, what is not known being None; ``piece`` is the size, where it is one of a piece."""
    try:
        word = words.word(number)
        name, *fields = word
        if name.startswith(_CROSSING):
            name, fields = "crossing.under_way", [name.partition(".")[2], *fields]
        expected = EVENT_FIELDS[name]
    except Exception:  # whatever a file can hold
        return None
    if len(fields) > len(expected) or not all(field is None or isinstance(field, str | int) for field in fields):
        return None
    fields += [None] * (len(expected) - len(fields))
    if name in _PIECES:
        fields[expected.index("size")] = piece
    if "middleware" in expected and fields[0] is None:
        fields[0] = "not known"  # for want of room in the vocabulary; layers are told apart by their names
    return [name, instant, *fields]


def wrecks(folder: Path, owners: frozenset[int]) -> Generator[Wreck]:
    """What dead processes have left in ``folder``, unless somebody else is looking at it.

    Each file goes when the next one is asked for; whoever stops before leaves it for another time. Files and folders of
    other users than ``owners`` are not touched. Raises OSError.
    """
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if os.fstat(directory).st_uid not in owners:
            return
        for name in islice(os.listdir(directory), 2 * blackbox.MOST):
            if name.endswith((blackbox.SUFFIX, blackbox.UNFINISHED)):
                yield from _wreck(name, directory)
    finally:
        os.close(directory)


def _wreck(name: str, directory: int) -> Iterator[Wreck]:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(OSError):
        descriptor = os.open(name, flags, dir_fd=directory)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not status.st_nlink:
                return
            if name.endswith(blackbox.UNFINISHED):
                if time.time() - status.st_mtime < _GRACE:
                    return
            elif status.st_size == blackbox.SIZE:
                found = read(os.pread(descriptor, blackbox.SIZE, 0))
                if found is not None and found.slots:
                    yield found
            os.unlink(name, dir_fd=directory)
        finally:
            os.close(descriptor)


def read(content: bytes) -> Wreck | None:
    """None for what is no black box of this version."""
    if len(content) != blackbox.SIZE:
        return None
    magic, pid, vocabulary, length = blackbox.HEAD.unpack_from(content)
    if magic != blackbox.MAGIC or not 0 < pid < _INTEGER or length > blackbox.HEADER - blackbox.HEAD.size:
        return None
    told = content[blackbox.HEAD.size : blackbox.HEAD.size + length]
    try:
        origin = msgspec.msgpack.decode(told, type=blackbox.Origin)
    except msgspec.MsgspecError:
        return None
    starts = range(blackbox.HEADER, blackbox.WORDS_AT, blackbox.SLOT)
    slots = [slot for slot in (_slot(content[start : start + blackbox.SLOT]) for start in starts) if slot is not None]
    return Wreck(pid, vocabulary, origin, slots, _words(content))


def _slot(content: bytes) -> Slot | None:
    """None for one that is free, or holds what no recording writes."""
    items = memoryview(content).cast("Q")
    if not 0 < items[blackbox.ID] < _INTEGER or items[blackbox.STARTED_AT] >= _INTEGER:
        return None
    room = blackbox.SLOT - blackbox.TEXT
    length = items[blackbox.LENGTH]
    text = content[blackbox.TEXT : blackbox.TEXT + min(length, room)].decode("utf-8", "ignore")
    try:
        interface, kind, vantage, method, path = text.split("\0", 4)
    except ValueError:
        return None
    if interface not in _INTERFACES or kind not in _KINDS or vantage not in _VANTAGES:
        return None
    status = items[blackbox.STATUS]
    return Slot(
        items[blackbox.ID],
        items[blackbox.STARTED_AT],
        items[blackbox.STARTED],
        items[blackbox.WORD],
        items[blackbox.INSTANT],
        items[blackbox.CROSSING],
        items[blackbox.SET_OUT],
        status if 0 < status < _STATUSES else None,
        min(items[blackbox.PIECE], _INTEGER - 1),
        min(items[blackbox.CHUNKS], _INTEGER - 1),
        min(items[blackbox.BYTES], _INTEGER - 1),
        interface,
        kind,
        vantage,
        method or None,
        path + "…" if length > room else path,
    )


def _words(content: bytes) -> dict[int, bytes]:
    words = {}
    place = blackbox.WORDS_AT
    while place + blackbox.WORD_HEAD.size <= len(content):
        number, length = blackbox.WORD_HEAD.unpack_from(content, place)
        place += blackbox.WORD_HEAD.size
        # A word is written before its number is.
        if number < OWN or not 0 < length <= blackbox.LONGEST or place + length > len(content):
            break
        words[number] = content[place : place + length]
        place += length
    return words
