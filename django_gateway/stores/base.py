"""What a store is: where finished exchanges are kept, bounded by a capacity.

``put`` is called by one writer thread of each process; everything else by readers in any process. A reader may open a
store that no process has written yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from ..exchange import Exchange, Summary
from ..vocabulary import Vocabulary
from .filters import Condition

#: Ids of which a store knows that it was told to forget them.
MOST_FORGOTTEN: Final = 1_000


class StoreError(Exception):
    """The store can't be read or written now; the message says what to do, in one sentence."""


class StoreBusy(StoreError):
    """Somebody else holds the store: nothing is wrong with it, and the same call may succeed next time."""


class Capacity(msgspec.Struct, frozen=True):
    """The oldest exchanges go when either is exceeded. ``bytes`` counts encoded records."""

    exchanges: int = 10_000
    bytes: int = 256 * 1024 * 1024


class Statistics(msgspec.Struct, frozen=True):
    location: str
    exchanges: int
    bytes: int
    capacity: Capacity
    #: The id of the oldest exchange; None where there is none.
    oldest: int | None = None


class Part(NamedTuple):
    """What somebody beside the recorder learned about an exchange."""

    #: The exchange's X-Request-ID; or the trace id of its ``traceparent``, which may belong to several exchanges; or
    #: the exchange's own id, as ``format_id`` writes it.
    key: str
    #: Who says it: "proxy", "wire". There is one part of a kind for each key.
    kind: str
    #: Whatever MessagePack has: plain data, and bytes.
    data: Any


class Store(Protocol):
    #: The URL it was opened with, without secrets.
    location: str
    #: The folder of its processes' black boxes, which it reads when they have died; None where it has none.
    flight: Path | None

    def pack(self, exchange: Exchange, vocabulary: Vocabulary | None = None) -> Any:
        """What ``write`` needs of an exchange, in few objects.

        With ``vocabulary`` the exchange is a recorder's: numbers in it are words, its trail is flat.
        """

    def write(self, packed: Sequence[Any], vocabulary: Vocabulary | None = None) -> None:
        """Keep what ``pack`` made, and forget the oldest where the capacity asks for it.

        An id that is known is replaced. Raises StoreError; StoreBusy where none of it was kept and all of it may be
        written again.
        """

    def attach(self, key: str, kind: str, data: Any) -> None:
        """Keep what another process learned about an exchange, before the exchange itself is written or after.

        See ``Part`` for what the arguments are. What was attached before under the same key and kind is replaced.
        ``get`` finds it; exchanges that are old enough to be forgotten take their parts with them, and so does a part
        whose exchange never came. Raises StoreError.
        """

    def attach_all(self, parts: Iterable[Part]) -> None:
        """``attach`` for many, in one transaction. Raises StoreError."""

    def find(self, request_ids: Collection[str]) -> dict[str, list[int]]:
        """The exchanges that came with these X-Request-IDs, the oldest first. Raises StoreError."""

    def forget(self, numbers: Collection[int]) -> None:
        """Forget these exchanges, whichever of them there are; their parts stay. Raises StoreError."""

    def forgotten(self, cursor: int) -> list[int]:
        """What ``forget`` took away after ``cursor``, the last MOST_FORGOTTEN of it. Raises StoreError.

        Not what went for the capacity's sake, or by ``clear``.
        """

    def get(self, number: int) -> Exchange | None:
        """The exchange with its ``parts``, or None where there is none (any more). Raises StoreError."""

    def page(
        self, conditions: Sequence[Condition] = (), *, before: int | None = None, limit: int = 50
    ) -> list[Summary]:
        """Newest first; ``before`` is the id that the last page ended with. Raises StoreError."""

    def since(self, cursor: int, *, limit: int = 200) -> tuple[int, list[Summary]]:
        """What was put after ``cursor``, in the order it was put (the newest ``limit`` of it), and the new cursor.

        ``since(-1)`` returns the present cursor and nothing. Raises StoreError.
        """

    def clear(self) -> None:
        """Forget everything. Raises StoreError."""

    def statistics(self) -> Statistics:
        """Raises StoreError."""

    def close(self) -> None: ...
