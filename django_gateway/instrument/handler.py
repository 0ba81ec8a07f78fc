"""Django's handlers: where a recording begins if nothing outside did, and the request's task on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import wraps
from typing import Any, Final

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, response

from .. import native, process
from ..clocks import now, stepped
from ..interfaces import asgi, wsgi
from ..recording import Recorder, current, faults, is_recording
from ..vocabulary import WORDS

Patch = tuple[Any, str, Any]

#: What native/methods.c calls it.
_BEGIN: Final = 2


def patches() -> Iterable[Patch]:
    iterate: Any = HttpResponse.__iter__
    if native.core is not None and iterate.__code__.co_filename == response.__file__:
        native.core.plain_body(iterate)  # and nobody has put another in its place
    yield WSGIHandler, "__call__", _wsgi(WSGIHandler.__call__)
    yield ASGIHandler, "__call__", _asgi(ASGIHandler.__call__)
    for name in ("run_get_response", "send_response"):
        yield ASGIHandler, name, _stepped(getattr(ASGIHandler, name))


def _recorder() -> Recorder | None:
    try:
        return process.recorder()
    except Exception as fault:
        faults.note(fault)
        return None


def _wsgi(original: Any) -> Any:
    @wraps(original)
    def call(self: WSGIHandler, environ: Any, start_response: Any) -> Any:
        recorder = None if is_recording() else _recorder()
        if recorder is None:
            return original(self, environ, start_response)
        return wsgi.record(original.__get__(self), recorder, "handler", environ, start_response)

    return (
        call if native.core is None else wraps(original)(native.core.Method(_BEGIN, original, call, None, 0, 0, 0, 0))
    )


def _asgi(original: Any) -> Any:
    @wraps(original)
    async def call(self: ASGIHandler, scope: Any, receive: Any, send: Any) -> Any:
        recorder = None if is_recording(scope.get("type")) else _recorder()
        if recorder is None:
            return await original(self, scope, receive, send)
        return await asgi.record(original.__get__(self), recorder, "handler", scope, receive, send)

    return call


def _stepped(original: Any) -> Any:
    """Django before 6.0 serves the request in a task of its own, whose steps the wrapper outside does not see."""
    cancelled = WORDS.event("django.cancelled", original.__name__)

    @wraps(original)
    async def call(self: ASGIHandler, *args: Any) -> Any:
        recording = current.get()
        if recording is None or recording.steps is None:
            return await original(self, *args)
        try:
            if recording.task is asyncio.current_task():
                return await original(self, *args)
            outer, inner = recording.coroutine, original(self, *args)
            recording.coroutine = inner
            try:
                return await stepped(inner, recording.steps)
            finally:
                recording.coroutine = outer
        except asyncio.CancelledError:
            recording.add((cancelled, now()))
            raise

    return call
