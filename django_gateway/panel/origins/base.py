"""Where a key of a handover comes from."""

from __future__ import annotations

from typing import Final, NamedTuple

REQUEST_LINE: Final = "request line"
CONNECTION: Final = "connection"
SERVER: Final = "server"
INTERFACE: Final = "interface"
PROCESS: Final = "process environment"
APPLICATION: Final = "application"


class Origin(NamedTuple):
    #: In a few words: "request line, percent-decoded", "header Host", "the server's options".
    source: str
    #: What the key says, in a sentence or two.
    explanation: str
    #: The document and section that define it; "" where only custom does.
    specification: str = ""
    #: What tells the same in the other interface; "" for nothing.
    counterpart: str = ""
    #: False where nothing better than a guess is known.
    known: bool = True
