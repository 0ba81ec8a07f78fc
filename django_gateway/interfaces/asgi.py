"""ASGI: the wrapper around ``application(scope, receive, send)``, for http, websocket and lifespan.

Messages are passed by identity and never changed; an await is added nowhere, so backpressure and cancellation reach the
application as they were. The application's own coroutine is stepped in place, to see how long it held the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from asgiref.compatibility import guarantee_single_callable

from .. import native
from ..blackbox import STATUS, pieces
from ..clocks import Steps, now, stepped
from ..correlation import request_id
from ..exchange import HTTP, LIFESPAN, WEBSOCKET, Close, Handover
from ..legible import decoded, shortened, whole
from ..recording import Recorder, Recording, current, faults, is_recording
from ..running import running_server
from ..vocabulary import CODES
from . import descriptors

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_TYPES = {"http": HTTP, "websocket": WEBSOCKET, "lifespan": LIFESPAN}

_HTTP_REQUEST_OTHER = CODES["http.request.other"]
_HTTP_RESPONSE_OTHER = CODES["http.response.other"]
#: Messages without a field of their own.
_RECEIVED = {
    name: CODES[name] for name in ("http.disconnect", "websocket.connect", "lifespan.startup", "lifespan.shutdown")
}
_COMPLETE = {name: CODES[name] for name in ("lifespan.startup.complete", "lifespan.shutdown.complete")}
_FAILED = {name: CODES[name] for name in ("lifespan.startup.failed", "lifespan.shutdown.failed")}
_ASGI_CANCELLED = CODES["asgi.cancelled"]


class RecordedASGI:
    """The application, recorded. Inside an exchange of the same type that is already recorded it only passes on."""

    def __init__(self, application: Any, recorder: Recorder, vantage: str = "wrapper") -> None:
        self.__wrapped__ = application
        self._application: Application = guarantee_single_callable(application)  # type: ignore[no-untyped-call]
        self._recorder = recorder
        self._vantage = vantage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await record(self._application, self._recorder, self._vantage, scope, receive, send)


async def record(
    application: Application, recorder: Recorder, vantage: str, scope: Scope, receive: Receive, send: Send
) -> Any:
    """Call ``application`` once and record it, unless an outer wrapper does so already."""
    try:
        kind = _TYPES.get(scope.get("type"))  # type: ignore[arg-type]
    except TypeError:  # asgiref's own tests call with stranger things than a scope without a type
        kind = None
    if kind is None or is_recording(kind):
        return await application(scope, receive, send)
    try:
        recording = begin(recorder, scope, kind, vantage)
        descriptor = descriptors.of_send(send)
        if descriptor is not None:
            recording.descriptor = descriptor
        conversation = Conversation(recording, receive, send)
        recording.begun()
    except Exception as fault:
        faults.note(fault)
        return await application(scope, receive, send)
    token = current.set(recording)
    try:
        called = application(scope, conversation.receive, conversation.send)
        if type(called) is CoroutineType:
            recording.coroutine = called
            recorder.stalls.wake()
            return await stepped(called, recording.steps)  # type: ignore[arg-type]
        return await called
    except BaseException as error:
        conversation.failed(error)
        raise
    finally:
        try:  # noqa: SIM105 (contextlib.suppress takes ten times as long)
            current.reset(token)
        except ValueError:  # closed from outside, in another context, as a dying loop does
            pass
        conversation.over()


def begin(recorder: Recorder, scope: Scope, kind: str, vantage: str) -> Recording:
    """A recording with the handover in it, taken before the application can change the scope."""
    recording = Recording(recorder, "asgi", kind, vantage, shortened(decoded(scope.get("path", ""))))
    redactor = recorder.redactor
    recording.handover = Handover("scope", redactor.scope(scope))
    recording.steps = Steps()
    try:  # noqa: SIM105
        recording.task = asyncio.current_task()
    except RuntimeError:  # another framework's loop: trio under hypercorn
        pass
    recording.server = running_server()
    if kind is LIFESPAN:
        return recording
    method = scope.get("method")
    recording.method = shortened(method) if isinstance(method, str) else None
    query = scope.get("query_string")
    if query:
        recording.query = redactor.query(decoded(query))
    headers = scope.get("headers")
    if type(headers) is list:
        try:
            correlation = dict(headers).get(b"x-request-id")
        except (TypeError, ValueError):  # of another shape than the specification's
            correlation = None
        if correlation:
            recording.request_id = request_id(correlation)
    client = scope.get("client")
    if client:
        parts = client if isinstance(client, (list, tuple)) else [client]
        recording.client = shortened(":".join([decoded(part) for part in parts if part is not None])) or None
    return recording


_begin = begin

if not TYPE_CHECKING and native.core is not None:
    native.core.hand_over_asgi(globals())
    begin = native.core.begin_asgi


def _reached(recording: Recording, event: int, at: int) -> None:
    mark = recording.mark
    mark[0], mark[1] = event, at


class Conversation:
    """``receive`` and ``send`` as the application gets them, for one exchange."""

    __slots__ = ("_accepted", "_receive", "_recording", "_send")

    def __init__(self, recording: Recording, receive: Receive, send: Send) -> None:
        self._recording = recording
        self._receive = receive
        self._send = send
        self._accepted = False

    async def receive(self) -> Message:
        message = await self._receive()
        try:
            self._received(message)
        except Exception as fault:
            faults.note(fault)
        return message

    def _received(self, message: Message) -> None:
        recording = self._recording
        kind = message.get("type")
        at = now()
        if kind == "http.request":
            size = len(message.get("body") or b"")
            recording.bytes_in += size
            recording.note((CODES[kind], at, size, bool(message.get("more_body"))))
        elif kind == "websocket.receive":
            recording.received += 1
            form, size, excerpt = self._payload(message)
            recording.bytes_in += size
            recording.note((CODES[kind], at, form, size, excerpt))
            pieces(recording, size)
        elif kind == "websocket.disconnect":
            code, reason = whole(message.get("code")), shortened(decoded(message.get("reason") or ""))
            recording.trail += (CODES[kind], at, code, reason)
            _reached(recording, CODES[kind], at)
            if recording.close is None:
                recording.close = Close(code, "client", reason)
        elif kind in _RECEIVED:
            recording.note((_RECEIVED[kind], at))
        else:
            recording.note((_HTTP_REQUEST_OTHER, at, shortened(decoded(kind))))

    async def send(self, message: Message) -> None:
        at = now()
        try:
            await self._send(message)
        except BaseException:
            self._sent(message, at, None)
            raise
        self._sent(message, at, now())

    def _sent(self, message: Message, at: int, returned: int | None) -> None:
        recording = self._recording
        try:
            kind = message.get("type")
            if kind == "http.response.body":
                size = len(message.get("body") or b"")
                recording.chunks += 1
                recording.bytes_out += size
                recording.note((CODES[kind], at, size, bool(message.get("more_body")), returned))
                pieces(recording, size)
            elif kind == "http.response.start":
                status = whole(message.get("status"))
                if not self._accepted:  # a second one is refused, or goes nowhere
                    self._accepted = returned is not None
                    recording.status = status
                    if status is not None and 0 < status < 1000:
                        recording.mark[STATUS] = status
                    recording.headers = recording.recorder.redactor.headers(message.get("headers") or ())
                    recording.returned = at
                recording.trail += (CODES[kind], at, status, returned)
                _reached(recording, CODES[kind], at)
            elif kind == "websocket.send":
                recording.sent += 1
                form, size, excerpt = self._payload(message)
                recording.bytes_out += size
                recording.note((CODES[kind], at, form, size, excerpt, returned))
                pieces(recording, size)
            elif kind == "websocket.accept":
                self._accepted = True
                recording.status = recording.mark[STATUS] = 101
                recording.headers = recording.recorder.redactor.headers(message.get("headers") or ())
                subprotocol = message.get("subprotocol")
                if subprotocol is not None:
                    subprotocol = shortened(decoded(subprotocol))
                recording.trail += (CODES[kind], at, subprotocol, returned)
                _reached(recording, CODES[kind], at)
            elif kind == "websocket.close":
                code, reason = whole(message.get("code", 1000)), shortened(decoded(message.get("reason") or ""))
                if recording.close is None:
                    recording.close = Close(code, "application", reason)
                if not self._accepted:
                    # The ASGI specification: a close before accept is answered with 403.
                    recording.status = 403
                recording.trail += (CODES[kind], at, code, reason, returned)
                _reached(recording, CODES[kind], at)
            elif kind in _COMPLETE:
                recording.note((_COMPLETE[kind], at, returned))
            elif kind in _FAILED:
                recording.note((_FAILED[kind], at, shortened(decoded(message.get("message", ""))), returned))
            else:
                if kind == "websocket.http.response.start":
                    recording.status = whole(message.get("status"))
                recording.note((_HTTP_RESPONSE_OTHER, at, shortened(decoded(kind)), returned))
        except Exception as fault:
            faults.note(fault)

    def _payload(self, message: Message) -> tuple[str, int, str | None]:
        """Kind, size in bytes, and the first bytes where the settings ask for them."""
        recorder = self._recording.recorder
        text = message.get("text")
        if text is not None:
            size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
            return "text", size, recorder.redactor.excerpt(text, recorder.body_bytes)
        data = message.get("bytes") or b""
        return "binary", len(data), self._excerpt(data) if recorder.body_bytes else None

    def _excerpt(self, data: bytes) -> str | None:
        """Bytes that are text are treated as text: it may have secrets in it."""
        recorder = self._recording.recorder
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return data[: recorder.body_bytes].hex(" ")
        return recorder.redactor.excerpt(text, recorder.body_bytes)

    def failed(self, error: BaseException) -> None:
        try:
            if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
                at = now()
                self._recording.trail += (_ASGI_CANCELLED, at)
                _reached(self._recording, _ASGI_CANCELLED, at)
            else:
                self._recording.fail(error)
                if self._recording.type == WEBSOCKET and self._recording.close is None:
                    # What the server does with a WebSocket whose application raised: RFC 6455's internal error.
                    self._recording.close = Close(1011, "server", "")
        except Exception as fault:
            faults.note(fault)

    def over(self) -> None:
        try:
            self._recording.finish()
        except Exception as fault:
            faults.note(fault)


if not TYPE_CHECKING and native.core is not None:
    _Conversation = Conversation
    native.core.connect_conversation(
        *(CODES[name] for name in ("http.request", "http.disconnect", "http.response.start", "http.response.body")),
        Conversation._received,
        Conversation._sent,
    )
    _kept = ("receive", "send", "_payload", "_excerpt", "failed", "over")
    Conversation = type(
        "Conversation",
        (native.core.Conversation,),
        {"__slots__": (), **{name: vars(_Conversation)[name] for name in _kept}},
    )
