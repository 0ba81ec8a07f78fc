"""Recorders for tests, and callers of applications: what a server does, done by hand and step by step."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO, StringIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import msgspec

from django_gateway import instrument, process
from django_gateway.exchange import Exchange
from django_gateway.interfaces.asgi import RecordedASGI
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder, Recording, faults
from django_gateway.stores import Capacity, Store
from django_gateway.stores.memory import MemoryStore
from django_gateway.vocabulary import WORDS

DEADLINE = 20.0


def until(condition: Callable[[], Any], what: str = "it did not happen") -> Any:
    """What ``condition`` returns once it is true."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.01)
    return found


async def until_async(condition: Callable[[], Any], what: str = "it did not happen") -> Any:
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, what
        await asyncio.sleep(0.01)
    return found


class Recorded:
    """A recorder over a memory store, written at once, and what came of it."""

    def __init__(self, **options: Any) -> None:
        self.store = MemoryStore(Capacity())
        self.recorder = Recorder(self._submit, **options)
        self._ids: deque[int] = deque()

    def _submit(self, recording: Recording) -> None:
        exchange = recording.exchange()
        self.store.write([self.store.pack(exchange, WORDS)], WORDS)
        self._ids.append(exchange.id)

    def wsgi(self, application: Any) -> RecordedWSGI:
        instrument.adopt(application, "wsgi")
        return RecordedWSGI(application, self.recorder)

    def asgi(self, application: Any) -> RecordedASGI:
        instrument.adopt(application, "asgi")
        return RecordedASGI(application, self.recorder)

    @property
    def exchanges(self) -> list[Exchange]:
        """In the order they finished."""
        found = [self.store.get(number) for number in list(self._ids)]
        return [exchange for exchange in found if exchange is not None]

    @property
    def only(self) -> Exchange:
        (exchange,) = self.exchanges
        return exchange

    def __len__(self) -> int:
        return len(self._ids)


@contextmanager
def strictly(strict: bool = True) -> Iterator[None]:
    """Errors of the recorder's own are raised."""
    before = faults.strict, faults.count, faults.last
    faults.strict, faults.count, faults.last = strict, 0, None
    try:
        yield
        # What is in C has nobody to raise it to.
        assert not faults.strict or faults.count == 0, faults.last
    finally:
        faults.strict, faults.count, faults.last = before


@contextmanager
def recorded_process(*, instrumented: bool = True, strict: bool = True, **options: Any) -> Iterator[Recorded]:
    """What the process records goes into the ``Recorded``; the inside of Django is watched unless told otherwise.

    Handlers are to be built inside: their chains keep what was there when they were made.
    """
    recorded = Recorded(**options)
    assert not instrument.is_installed()
    with process._lock:
        before, process._recorder = process._recorder, recorded.recorder
    if instrumented:
        instrument.install()
    try:
        with strictly(strict):
            yield recorded
    finally:
        instrument.uninstall()
        process._recorder = before


def keep(store: Store, *exchanges: Exchange) -> None:
    store.write([store.pack(exchange) for exchange in exchanges])


def names(exchange: Exchange, prefix: str = "") -> list[str]:
    """Names of events in the order of time, but for the one that depends on how busy the machine is."""
    return [e[0] for e in sorted(exchange.trail, key=lambda e: e[1]) if e[0].startswith(prefix) and e[0] != "wsgi.next"]


def entries(exchange: Exchange) -> dict[str, Any]:
    assert exchange.handover is not None
    return dict(exchange.handover.entries)


def dumped(exchange: Exchange) -> bytes:
    """Everything that is kept of it, strings as they are."""
    return msgspec.json.encode(exchange)


# WSGI


def environ(path: str = "/", query: str = "", body: bytes = b"", /, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "REQUEST_METHOD": "POST" if body else "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "51514",
        "SERVER_SOFTWARE": "WSGIServer/0.2",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "testserver",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": StringIO(),
    }
    made.update(changes)
    setup_testing_defaults(made)
    return made


class Answered:
    """What a WSGI server saw of one request; ``log`` has its and the application's steps in their order."""

    def __init__(self) -> None:
        self.status: str | None = None
        self.headers: list[tuple[str, str]] = []
        self.starts = 0
        self.chunks: list[bytes] = []
        self.error: BaseException | None = None
        self.iterable: Any = None

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], Any]:
        self.starts += 1
        if exc_info is not None and self.chunks:
            raise exc_info[1].with_traceback(exc_info[2])
        self.status, self.headers = status, list(headers)
        return self.chunks.append


def serve(application: Any, request: dict[str, Any] | None = None) -> Answered:
    """Call the application as a server does, to the end; what it raised is in ``error``."""
    answered = Answered()
    request = environ() if request is None else request
    try:
        answered.iterable = application(request, answered.start_response)
        try:
            for chunk in answered.iterable:
                answered.chunks.append(chunk)
        finally:
            if hasattr(answered.iterable, "close"):
                answered.iterable.close()
    except BaseException as error:
        answered.error = error
    return answered


# ASGI


def scope(path: str = "/", query: str = "", type: str = "http", **changes: Any) -> dict[str, Any]:  # noqa: A002
    made: dict[str, Any] = {
        "type": type,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http" if type == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"testserver")],
        "client": ["127.0.0.1", 51514],
        "server": ["127.0.0.1", 8000],
    }
    if type == "http":
        made["method"] = "GET"
    else:
        made["subprotocols"] = []
    return {**made, **changes}


class Connection:
    """The server's end of one ASGI connection: messages to come, messages that were sent."""

    def __init__(self, application: Any, scope: Any, *messages: Mapping[str, Any]) -> None:
        self.scope = scope
        self.sent: list[Any] = []
        self.received: list[Any] = []
        self._incoming: asyncio.Queue[Any] = asyncio.Queue()
        for message in messages:
            self.put(message)
        self.task = asyncio.ensure_future(self._run(application))
        # What it raises is looked at by those who care.
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _run(self, application: Any) -> Any:
        return await application(self.scope, self.receive, self.send)

    def put(self, message: Any) -> None:
        self._incoming.put_nowait(message)

    async def receive(self) -> Any:
        message = await self._incoming.get()
        self.received.append(message)
        return message

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def wait_sent(self, count: int) -> list[Any]:
        """Once so many messages were sent, or the application is over."""
        await until_async(lambda: len(self.sent) >= count or self.task.done(), f"only {self.sent} were sent")
        return self.sent

    @property
    def status(self) -> int | None:
        return next((m["status"] for m in self.sent if m["type"] == "http.response.start"), None)

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.sent if m["type"] == "http.response.body")


REQUEST = {"type": "http.request", "body": b"", "more_body": False}
DISCONNECT = {"type": "http.disconnect"}


@asynccontextmanager
async def connected(application: Any, scope: Any, *messages: Mapping[str, Any]) -> AsyncIterator[Connection]:
    connection = Connection(application, scope, *messages)
    try:
        yield connection
    finally:
        if not connection.task.done():
            connection.task.cancel()
        await asyncio.wait([connection.task], timeout=DEADLINE)


async def serve_asgi(application: Any, request: Any = None, body: bytes = b"") -> Connection:
    """One HTTP request to its end; what the application raised is in ``connection.task``."""
    message = {"type": "http.request", "body": body, "more_body": False}
    connection = Connection(application, scope() if request is None else request, message)
    await asyncio.wait([connection.task], timeout=DEADLINE)
    assert connection.task.done(), "the application did not end"
    return connection


def raised(connection: Connection) -> BaseException | None:
    return connection.task.exception()


def frames(error: BaseException | None) -> list[tuple[str, str]]:
    """File and function of each frame that ``error`` came through."""
    found = []
    trace = error.__traceback__ if error is not None else None
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append((code.co_filename, code.co_name))
        trace = trace.tb_next
    return found


PYTHON = [sys.executable, "-W", "error"]
