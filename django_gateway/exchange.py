"""The data: one exchange, from the handover to the last byte.

Everything here is immutable and knows nothing of Django, of a store or of a server. What can be computed from the
trail of events (phases, crossings, the onion of middleware) is computed by ``phases``, never stored beside it.

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

#: An event is a tuple ``(name, instant, *fields)``: nothing cheaper can be made while a request is served.
Event = tuple[Any, ...]

#: What follows ``(name, instant)`` in each event. Names of the interface are the specifications' own (PEP 3333, the
#: ASGI specification); a name that ends in ``started`` is followed by one in ``finished`` or ``failed``.
EVENT_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "wsgi.start_response": ("status", "exc_info"),
    "wsgi.write": ("size",),
    "wsgi.returned": ("iterable",),
    "wsgi.body": ("size",),
    "wsgi.close": (),
    "http.request": ("size", "more_body"),
    "http.request.other": ("type",),
    "http.disconnect": (),
    # ``returned`` is the instant at which the server's send() gave control back: a slow client shows here.
    "http.response.start": ("status", "returned"),
    "http.response.body": ("size", "more_body", "returned"),
    "http.response.other": ("type", "returned"),
    "websocket.connect": (),
    "websocket.accept": ("subprotocol", "returned"),
    "websocket.receive": ("kind", "size", "excerpt"),
    "websocket.send": ("kind", "size", "excerpt", "returned"),
    "websocket.disconnect": ("code", "reason"),
    "websocket.close": ("code", "reason", "returned"),
    "lifespan.startup": (),
    "lifespan.startup.complete": ("returned",),
    "lifespan.startup.failed": ("message", "returned"),
    "lifespan.shutdown": (),
    "lifespan.shutdown.complete": ("returned",),
    "lifespan.shutdown.failed": ("message", "returned"),
    "django.signal.started": ("signal",),
    "django.signal.finished": ("signal",),
    "django.middleware.started": ("middleware", "mode"),
    "django.middleware.finished": ("middleware", "status"),
    "django.hook.started": ("middleware", "hook"),
    "django.hook.finished": ("middleware", "hook"),
    "django.resolver.started": (),
    "django.resolver.finished": ("route",),
    "django.resolver.failed": ("exception",),
    "django.view.started": ("view", "mode"),
    "django.view.finished": ("view",),
    "django.view.failed": ("view", "exception"),
    "django.template.started": ("template",),
    "django.template.finished": ("template",),
    "django.exception": ("exception", "status"),
    "django.response.close": (),
    "asgi.cancelled": (),
    # One event for a whole crossing, written when it is over; its instant is when the caller set out.
    # ``entered`` and ``left`` are the instants in the other place, ``returned`` the caller's own again.
    "crossing.to_thread": ("function", "thread", "entered", "left", "returned"),
    "crossing.to_loop": ("function", "thread", "entered", "left", "returned"),
    # CGI (RFC 3875), where a process serves one request. ``cpu`` is what the process had used by then and ``kept`` what
    # it took to write the exchange into the store, in nanoseconds; ``memory`` is the most it had, in bytes.
    "cgi.process.started": ("source",),
    "cgi.interpreter.ready": ("cpu",),
    "cgi.recorder.loaded": ("cpu",),
    "cgi.application.loaded": ("cpu", "modules"),
    "cgi.stdin.started": (),
    "cgi.stdin.finished": ("size", "excerpt"),
    # HTTP_PROXY was in the environment, from a header ``Proxy``, and was taken out (CVE-2016-5385).
    "cgi.httpoxy": (),
    "cgi.disconnect": ("reason",),
    "cgi.process.finished": ("cpu", "memory", "kept"),
    # An ASGI application inside the outermost one was called; ``added`` is what its scope had that the one before did
    # not get, ``[key, value]`` each, and ``branch`` where it, a router, sends the scope.
    "asgi.entered": ("application", "branch", "added"),
    "channels.dispatch.started": ("consumer", "handler", "mode"),
    "channels.dispatch.finished": ("consumer", "handler"),
    "channels.dispatch.failed": ("consumer", "handler", "exception"),
    # A channel layer's operations, written when they are over; ``type`` is the message's.
    "channels.send": ("channel", "type", "exception", "returned"),
    "channels.receive": ("channel", "type"),
    "channels.group_add": ("group", "channel", "exception", "returned"),
    "channels.group_discard": ("group", "channel", "exception", "returned"),
    "channels.group_send": ("group", "type", "exception", "returned"),
    # Database connections; ``max_age`` is CONN_MAX_AGE in seconds, None for no end.
    "django.database.opened": ("alias", "vendor", "thread", "exception", "returned"),
    "django.database.reused": ("alias", "vendor", "thread"),
    "django.database.closed": ("alias", "thread"),
    "django.database.left_open": ("alias", "thread", "max_age"),
    # Names of response headers that were other on the way out of ``by`` than before; cookies as ``Set-Cookie: name``.
    "django.headers": ("by", "added", "changed", "removed"),
    # ``tried`` are the last of ``count`` attempts, ``[patterns, name]`` each: from the outer URLconf's pattern to the
    # included one's. Of a match the last attempt is the one that matched.
    "django.route.matched": ("tried", "count", "converters", "wrappers"),
    "django.route.unmatched": ("tried", "count"),
    # The request's body, read or parsed for the first time; ``by`` is the function that asked for it.
    "django.body.read": ("how", "by", "size", "exception", "returned"),
}

#: Fields of events that are instants themselves.
INSTANT_FIELDS: Final = frozenset({"returned", "entered", "left"})
#: Fields of events that are spans of time, in nanoseconds.
DURATION_FIELDS: Final = frozenset({"cpu", "kept"})


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
