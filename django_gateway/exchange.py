"""The data: one exchange, from the handover to the last byte.

Everything here is immutable and knows nothing of Django, of a store or of a server. What can be computed from the
trail (phases, crossings, the onion of middleware) is computed by ``phases``, never stored beside it; ``events`` says
what is in a trail.

Instants are ``time.perf_counter_ns`` readings of the process that served the exchange: they can be subtracted from
each other inside one exchange, and mean nothing outside it. ``started_at`` is the one wall-clock anchor.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

HTTP: Final = "http"
WEBSOCKET: Final = "websocket"
LIFESPAN: Final = "lifespan"

IN_FLIGHT: Final = "in_flight"
FINISHED: Final = "finished"
INTERRUPTED: Final = "interrupted"


class Server(msgspec.Struct, frozen=True, array_like=True):
    """Who called the application."""

    name: str | None
    version: str | None
    pid: int
    thread: str
    host: str


class Handover(msgspec.Struct, frozen=True, array_like=True):
    """The environ or scope as the application received it, redacted; ``entries`` are ``[key, value]``.

    Values are plain JSON data; bytes are decoded as latin-1 (PEP 3333's "bytes-as-unicode"), and an object that is no
    data appears as its type's name in angle brackets.
    """

    kind: str
    entries: list[Any]


class Match(msgspec.Struct, frozen=True, array_like=True):
    """What the URL resolver found. ``view`` is the dotted path of the callable."""

    route: str
    view: str
    url_name: str | None
    namespaces: list[str]
    arguments: list[str]


class Frame(msgspec.Struct, frozen=True, array_like=True):
    file: str
    line: int
    function: str
    code: str


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """An exception; ``where`` is the event that was the last before it."""

    type: str
    message: str
    frames: list[Frame]
    where: str | None
    handled: bool


class Scheduler(msgspec.Struct, frozen=True, array_like=True):
    """What the operating system gave the thread that served the exchange; times in nanoseconds.

    ``ready`` is None where the kernel does not tell (no /proc/self/task/TID/schedstat).
    """

    running: int
    ready: int | None
    sleeping: int
    voluntary: int | None
    involuntary: int | None


class Loop(msgspec.Struct, frozen=True, array_like=True):
    """The exchange's steps on the event loop; times in nanoseconds."""

    running: int
    suspended: int
    steps: int
    longest_step: int
    #: The calls that the longest step was in, outermost first; None where it was too short to be looked at.
    stack: list[Frame] | None = None
    #: Ids of requests on the same loop that could not go on meanwhile, and of those that held this one up.
    held_up: list[int] = []
    held_up_by: list[int] = []
    #: For how long at most something that was due had to wait for the loop; None where it was not looked at.
    lag: int | None = None


class Close(msgspec.Struct, frozen=True, array_like=True):
    """How a WebSocket ended. ``by`` is "client", "application" or "server"."""

    code: int | None
    by: str
    reason: str


class Split(msgspec.Struct, frozen=True, array_like=True):
    """Where the time went, in nanoseconds, for the bar of a list row: the parts add up to the duration."""

    interface: int = 0
    middleware: int = 0
    view: int = 0
    body: int = 0
    #: Until a process that was started for this request alone (CGI) could call the application.
    process: int = 0


class Sizes(msgspec.Struct, frozen=True, array_like=True):
    """Bytes and counts that crossed the interface. ``dropped`` counts events over the limit for one exchange."""

    request_bytes: int = 0
    body_bytes: int = 0
    chunks: int = 0
    received: int = 0
    sent: int = 0
    crossings: int = 0
    dropped: int = 0


class Exchange(msgspec.Struct, frozen=True, array_like=True):
    id: int
    interface: str
    type: str
    state: str
    #: Nanoseconds since the epoch.
    started_at: int
    started: int
    ended: int | None
    method: str | None
    path: str
    query: str
    status: int | None
    client: str | None
    server: Server
    handover: Handover | None
    match: Match | None
    #: ``[name, value]``, redacted; None where no answer was seen.
    headers: list[Any] | None
    trail: list[Any]
    failure: Failure | None
    scheduler: Scheduler | None
    loop: Loop | None
    close: Close | None
    sizes: Sizes
    split: Split
    #: From where it was recorded: "wrapper", "handler" or "middleware".
    vantage: str
    #: What could not be seen from there, one sentence each.
    unseen: list[str]
    #: Names of threads, by the identifiers that crossings carry.
    threads: dict[int, str] = {}
    #: The header X-Request-ID, by which others that saw the request know it.
    request_id: str | None = None
    #: What others learned about it, by kind: see ``stores.base.Store.attach``. Empty in a record; the store joins it.
    parts: dict[str, Any] = {}
    #: What holds for its whole process, ``[name, data]`` each: see ``facts``.
    facts: list[Any] = []
    #: The calls it was in when it was last looked at, outermost first; None for what was not looked at in flight.
    stack: list[Frame] | None = None
    #: The server's file descriptor of the connection that it came on; None where that is not known.
    descriptor: int | None = None

    def fact(self, name: str) -> Any:
        """None where it was not told."""
        return next((data for told, data in self.facts if told == name), None)

    @property
    def duration(self) -> int | None:
        return None if self.ended is None else self.ended - self.started


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """The scalars of an exchange: one row of the list. Times in nanoseconds, ``started_at`` since the epoch."""

    id: int
    interface: str
    type: str
    state: str
    started_at: int
    duration: int | None
    method: str | None
    path: str
    query: str
    status: int | None
    client: str | None
    server: str | None
    pid: int
    route: str | None
    view: str | None
    exception: str | None
    sizes: Sizes
    split: Split


def summarise(exchange: Exchange) -> Summary:
    return Summary(
        exchange.id,
        exchange.interface,
        exchange.type,
        exchange.state,
        exchange.started_at,
        exchange.duration,
        exchange.method,
        exchange.path,
        exchange.query,
        exchange.status,
        exchange.client,
        exchange.server.name,
        exchange.server.pid,
        exchange.match.route if exchange.match else None,
        exchange.match.view if exchange.match else None,
        exchange.failure.type if exchange.failure else None,
        exchange.sizes,
        exchange.split,
    )


_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")


def format_id(number: int) -> str:
    """Sixteen hexadecimal digits; ids sort as their exchanges started."""
    return f"{number:016x}"


def parse_id(text: str) -> int | None:
    """The number behind a public id, None where ``text`` is none."""
    # int() alone takes signs, underscores, blanks and other alphabets' digits as well.
    if len(text) != 16 or not _HEXADECIMAL.issuperset(text):
        return None
    number = int(text, 16)
    return number if number < 2**63 else None
