"""Words: what one process says over and over, written once and then named by a number.

Headers, keys of an environ and the fixed parts of events repeat with every request. A recording holds their numbers
instead, which makes it cheap to make, to encode and to keep; ``expand`` puts the words back. Numbers below ``OWN`` are
the event names of ``events.EVENT_FIELDS``, the same in every process; the rest belong to one vocabulary.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final, Protocol

import msgspec

from .events import EVENT_FIELDS
from .exchange import Exchange, Handover

OWN: Final = 256
#: Words that one process keeps; what comes later is spelled out in each record.
LIMIT: Final = 8_192

_EVENTS: Final = tuple(EVENT_FIELDS)
#: The number of each event without fixed fields.
CODES: Final[dict[str, int]] = {name: number for number, name in enumerate(_EVENTS)}


def unforeseen(value: Any) -> Any:
    """What a project passed where others pass plain data: a SafeString for a template's name, say.

    Plain data of the same meaning, or else the type's name: no exchange is lost for it.
    """
    if isinstance(value, str):
        return str.__str__(value)  # str() gives the very object back where its class says so
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


#: Anything as MessagePack, whatever came to be in it.
encode: Final = msgspec.msgpack.Encoder(enc_hook=unforeseen).encode


class Vocabulary:
    """Made once per process; a forked child goes on with a copy under a key of its own. Words are never forgotten."""

    def __init__(self) -> None:
        self.key = _new_key()
        #: Encoded words; the first has the number ``OWN``.
        self.words: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._lock = threading.Lock()
        #: Called with each word that is new.
        self.told: Callable[[int, bytes], None] | None = None

    def tell(self, listener: Callable[[int, bytes], None]) -> None:
        """Call ``listener(number, encoded)`` for each word there is, and then for each that comes."""
        with self._lock:
            for number, encoded in enumerate(self.words, OWN):
                listener(number, encoded)
            self.told = listener

    def add(self, word: Any) -> int | None:
        """The number of ``word`` (plain data), None where there is no room for another."""
        encoded = encode(word)
        number = self._numbers.get(encoded)
        if number is not None:
            return number
        with self._lock:
            number = self._numbers.get(encoded)
            if number is None and len(self.words) < LIMIT:
                self.words.append(encoded)
                number = self._numbers[encoded] = OWN + len(self.words) - 1
                if self.told is not None:
                    self.told(number, encoded)
            return number

    def event(self, name: str, *fields: Any) -> int | str:
        """What stands for an event with these fixed first fields: its number; without room, all of it as a text."""
        number = self.add((name, *fields))
        if number is not None or not fields:
            return name if number is None else number
        return f"{name}\0{msgspec.json.encode(fields, enc_hook=unforeseen).decode()}"

    @staticmethod
    def mark(word: int | str) -> int:
        """A number for what ``event`` returned: its own, or else that of the event without its fields."""
        return word if isinstance(word, int) else CODES[word.partition("\0")[0]]

    def word(self, number: int) -> Any:
        """The word behind a number of this vocabulary; an event's name is its first item."""
        return (_EVENTS[number],) if number < OWN else msgspec.msgpack.decode(self.words[number - OWN])

    def _forked(self) -> None:
        self.key = _new_key()
        self._lock = threading.Lock()


class Words(Protocol):
    def word(self, number: int) -> Any: ...


class Dictionary:
    """A vocabulary as it was stored: encoded words by their numbers."""

    def __init__(self, words: Mapping[int, bytes]) -> None:
        self._words = words

    def word(self, number: int) -> Any:
        """Raises KeyError for a number that is not there."""
        return (_EVENTS[number],) if number < OWN else msgspec.msgpack.decode(self._words[number])


def expand(exchange: Exchange, words: Words) -> Exchange:
    """A recorder's exchange with every number replaced by its word and the trail spread into events."""
    handover = exchange.handover
    return msgspec.structs.replace(
        exchange,
        handover=None if handover is None else Handover(handover.kind, _entries(handover.entries, words)),
        headers=None if exchange.headers is None else [_pair(entry, words) for entry in exchange.headers],
        trail=spread(exchange.trail, words),
        facts=[words.word(number) for number in exchange.facts],
    )


def _entries(entries: list[Any], words: Words) -> list[Any]:
    """Where the first is the number of an order (see ``familiar``), the others fill the places that it leaves open."""
    first = words.word(entries[0]) if entries and type(entries[0]) is int else None
    if type(first) is not dict:
        return [_pair(entry, words) for entry in entries]
    rest = iter(entries[1:])
    told = []
    for known in first["order"]:
        if type(known) is not str:
            told.append(known)
            continue
        entry = next(rest)
        told.append([known, entry] if type(entry) is str else _pair(entry, words))
    return told


def _pair(entry: Any, words: Words) -> Any:
    if type(entry) is int:
        return words.word(entry)
    if len(entry) == 2 and entry[0] == "headers" and type(entry[1]) is list:
        return [entry[0], [_pair(header, words) for header in entry[1]]]
    return entry


def spread(trail: Iterable[Any], words: Words) -> list[list[Any]]:
    """A recording's flat trail as events ``[name, instant, *fields]``."""
    events = []
    items = iter(trail)
    for code in items:
        name, *fixed = _spelled(code) if isinstance(code, str) else words.word(code)
        open_fields = len(EVENT_FIELDS.get(name, ())) - len(fixed)
        events.append([name, next(items), *fixed, *islice(items, open_fields)])
    return events


def _spelled(code: str) -> list[Any]:
    """The name and the fields of an event that found no room in the vocabulary: see ``Vocabulary.event``."""
    name, _, fields = code.partition("\0")
    return [name, *(msgspec.json.decode(fields) if fields else ())]


def _new_key() -> int:
    """Later processes have greater keys."""
    return (time.time_ns() // 1000) << 12 | int.from_bytes(os.urandom(2), "big") & 0xFFF


#: This process' own.
WORDS: Final = Vocabulary()

os.register_at_fork(after_in_child=WORDS._forked)
