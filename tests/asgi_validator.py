"""What wsgiref.validate is for WSGI: a go-between that says what the ASGI specifications forbid.

It follows the ASGI 3.0 core specification, HTTP and WebSocket message format 2.5 and the lifespan protocol 2.0. Beside
the complaints it keeps each message it saw, so that two validators with something between them can be compared.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any


class Validator:
    def __init__(self, application: Any) -> None:
        self._application = application
        self.complaints: list[str] = []
        self.received: list[Any] = []
        self.sent: list[Any] = []
        self.scopes: list[Any] = []

    def _insist(self, condition: object, complaint: str) -> None:
        if not condition:
            self.complaints.append(complaint)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        self.scopes.append(scope)
        self._scope(scope)
        kind = scope.get("type")
        state = {"http": HTTPState, "websocket": WebSocketState, "lifespan": LifespanState}[kind](self)

        async def receive_checked(*args: Any, **kwargs: Any) -> Any:
            self._insist(not args and not kwargs, "receive() takes nothing")
            awaitable = receive()
            self._insist(inspect.isawaitable(awaitable), "receive() gives an awaitable")
            message = await awaitable
            self.received.append(message)
            self._message(message)
            state.received(message)
            return message

        async def send_checked(*args: Any, **kwargs: Any) -> Any:
            self._insist(len(args) == 1 and not kwargs, "send() takes one message")
            (message,) = args
            self.sent.append(message)
            self._message(message)
            state.sent(message)
            awaitable = send(message)
            self._insist(inspect.isawaitable(awaitable), "send() gives an awaitable")
            result = await awaitable
            self._insist(result is None, "send() gives nothing")
            return result

        return await self._application(scope, receive_checked, send_checked)

    def _message(self, message: Any) -> None:
        self._insist(type(message) is dict, "a message is a dict")
        self._insist(type(message.get("type")) is str, "a message has a type")

    def _scope(self, scope: Any) -> None:
        insist = self._insist
        insist(isinstance(scope, dict), "a scope is a dict")
        insist(scope.get("type") in ("http", "websocket", "lifespan"), "a scope has a type")
        asgi = scope.get("asgi")
        insist(isinstance(asgi, dict) and isinstance(asgi.get("version"), str), "asgi has a version")
        if scope.get("type") == "lifespan":
            return
        websocket = scope["type"] == "websocket"
        insist(isinstance(scope.get("path"), str), "path is a str")
        insist(isinstance(scope.get("raw_path"), (bytes, type(None))), "raw_path is bytes")
        insist(isinstance(scope.get("query_string", b""), bytes), "query_string is bytes")
        insist(isinstance(scope.get("root_path", ""), str), "root_path is a str")
        insist(scope.get("scheme") in (("ws", "wss") if websocket else ("http", "https")), "scheme is known")
        insist(scope.get("http_version") in ("1.0", "1.1", "2"), "http_version is known")
        self.headers(scope.get("headers", []), lower=True)
        for name in ("client", "server"):
            pair = scope.get(name)
            insist(
                pair is None or (isinstance(pair, Iterable) and [type(part) for part in pair] == [str, int]),
                f"{name} is a host and a port",
            )
        if websocket:
            insist(all(type(name) is str for name in scope.get("subprotocols", [])), "subprotocols are str")
        else:
            insist(isinstance(scope.get("method"), str) and scope["method"].isupper(), "method is in capitals")

    def headers(self, headers: Any, *, lower: bool = False) -> None:
        self._insist(isinstance(headers, Iterable), "headers can be iterated")
        for pair in headers:
            self._insist(len(pair) == 2, "a header has a name and a value")
            if not all(type(part) is bytes for part in pair):
                self.complaints.append("headers are bytes")
                continue
            if lower:
                self._insist(pair[0] == pair[0].lower(), "names of headers are in lower case")
            self._insist(not pair[0].startswith(b":"), "there are no pseudo headers")


class State:
    """Where a conversation stands."""

    def __init__(self, validator: Validator) -> None:
        self.validator = validator
        self.insist = validator._insist

    def received(self, message: Any) -> None:
        raise NotImplementedError

    def sent(self, message: Any) -> None:
        raise NotImplementedError


class HTTPState(State):
    request_over = disconnected = started = over = False

    def received(self, message: Any) -> None:
        kind = message["type"]
        if kind == "http.request":
            self.insist(not self.request_over, "no http.request after the last")
            self.insist(type(message.get("body", b"")) is bytes, "body is bytes")
            self.insist(type(message.get("more_body", False)) is bool, "more_body is a bool")
            self.request_over = not message.get("more_body", False)
        else:
            self.insist(kind == "http.disconnect", f"{kind} is received by no HTTP application")

    def sent(self, message: Any) -> None:
        kind = message["type"]
        self.insist(not self.over, f"{kind} after the last http.response.body")
        if kind == "http.response.start":
            self.insist(not self.started, "one http.response.start")
            self.insist(type(message.get("status")) is int, "status is an int")
            self.validator.headers(message.get("headers", []))
            self.started = True
        elif kind == "http.response.body":
            self.insist(self.started, "http.response.start comes first")
            self.insist(type(message.get("body", b"")) is bytes, "body is bytes")
            self.insist(type(message.get("more_body", False)) is bool, "more_body is a bool")
            self.over = not message.get("more_body", False)
        else:
            self.insist(False, f"{kind} is sent by no HTTP application")


class WebSocketState(State):
    connected = accepted = closed = disconnected = False

    def _payload(self, message: Any) -> None:
        data, text = message.get("bytes"), message.get("text")
        self.insist((data is None) != (text is None), "a message has either bytes or text")
        self.insist(data is None or type(data) is bytes, "bytes are bytes")
        self.insist(text is None or type(text) is str, "text is a str")

    def received(self, message: Any) -> None:
        kind = message["type"]
        self.insist(not self.disconnected, f"{kind} after websocket.disconnect")
        if kind == "websocket.connect":
            self.insist(not self.connected, "one websocket.connect")
            self.connected = True
        elif kind == "websocket.receive":
            self.insist(self.accepted, "messages come once the connection is accepted")
            self._payload(message)
        elif kind == "websocket.disconnect":
            self.insist(type(message.get("code", 1005)) is int, "code is an int")
            self.disconnected = True
        else:
            self.insist(False, f"{kind} is received by no WebSocket application")

    def sent(self, message: Any) -> None:
        kind = message["type"]
        self.insist(self.connected, "websocket.connect comes first")
        self.insist(not self.closed, f"{kind} after websocket.close")
        if kind == "websocket.accept":
            self.insist(not self.accepted, "one websocket.accept")
            self.insist(isinstance(message.get("subprotocol"), (str, type(None))), "subprotocol is a str")
            self.validator.headers(message.get("headers", []), lower=True)
            self.accepted = True
        elif kind == "websocket.send":
            self.insist(self.accepted, "websocket.accept comes first")
            self._payload(message)
        elif kind == "websocket.close":
            self.insist(type(message.get("code", 1000)) is int, "code is an int")
            self.insist(isinstance(message.get("reason"), (str, type(None))), "reason is a str")
            self.closed = True
        else:
            self.insist(False, f"{kind} is sent by no WebSocket application")


class LifespanState(State):
    at = "begin"

    #: What may follow what.
    ORDER = {
        "begin": {"lifespan.startup"},
        "lifespan.startup": {"lifespan.startup.complete", "lifespan.startup.failed"},
        "lifespan.startup.complete": {"lifespan.shutdown"},
        "lifespan.shutdown": {"lifespan.shutdown.complete", "lifespan.shutdown.failed"},
    }

    def _step(self, kind: str) -> None:
        self.insist(kind in self.ORDER.get(self.at, ()), f"{kind} after {self.at}")
        self.at = kind

    def received(self, message: Any) -> None:
        self._step(message["type"])

    def sent(self, message: Any) -> None:
        self._step(message["type"])
        self.insist(type(message.get("message", "")) is str, "message is a str")


def compare(outer: Validator, inner: Validator) -> list[str]:
    """What was not passed on by identity between the two."""
    found = []
    for what in ("scopes", "received", "sent"):
        ours, theirs = getattr(outer, what), getattr(inner, what)
        if len(ours) != len(theirs) or not all(a is b for a, b in zip(ours, theirs, strict=True)):
            found.append(f"{what} differ: {ours} and {theirs}")
    return found
