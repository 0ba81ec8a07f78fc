"""What a timeline is made of, before anything is drawn: lanes of pieces, and links. Times are nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from .intervals import Interval

#: How a piece is drawn where it does not work: waiting (pale), on its way to another thread (hop), or as a mark of an
#: instant.
Form = Literal["span", "hop", "mark", "failure"]

CLIENT: Final = "client"
PROXY: Final = "proxy"
QUEUE: Final = "queue"
SERVER: Final = "server"
INTERFACE: Final = "interface"
MIDDLEWARE: Final = "middleware"
RESOLVER: Final = "resolver"
VIEW: Final = "view"
TEMPLATE: Final = "template"
BODY: Final = "body"


@dataclass(frozen=True, slots=True)
class Piece:
    started: int
    finished: int
    #: The place on the way whose colour it has.
    place: str
    #: What it is, in a word or two; recorded text.
    name: str
    #: What happened, in plain words; recorded text.
    text: str = ""
    #: What may be drawn in it or beside it: the first that has room, so the fullest comes first.
    labels: tuple[str, ...] = ()
    #: Where it did its own work; elsewhere it waited for something further in.
    works: tuple[Interval, ...] = ()
    #: Where it worked or waited, and nobody can tell which.
    mixed: tuple[Interval, ...] = ()
    form: Form = "span"
    #: Dotted path of the code, where that is more than the name.
    path: str = ""
    #: False where it goes on beyond what was recorded.
    ended: bool = True


@dataclass(slots=True)
class Lane:
    key: str
    place: str
    title: str
    #: A second, quieter line under the title.
    subtitle: str = ""
    rows: list[list[Piece]] = field(default_factory=list)
    #: Rows that lie close together, as the layers of an onion do.
    dense: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A change of thread at one instant, from one lane's row to another's."""

    at: int
    source: tuple[str, int]
    target: tuple[str, int]
    #: "out" to the other thread, "back" to the caller's.
    way: Literal["out", "back"]


@dataclass(slots=True)
class Picture:
    extent: int
    lanes: list[Lane] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    #: False where the exchange goes on.
    ended: bool = True
