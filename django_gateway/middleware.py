"""``GatewayMiddleware``: the same recording, for those who list a middleware rather than let an app or wsgi.py do it.

It serves best as the first of MIDDLEWARE. Where the application is wrapped already it leaves the exchange to the
wrapper; alone, it begins one from the request it is given and says what cannot be seen from where it stands.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from . import instrument, process
from .clocks import now, stepped, thread_clock
from .exchange import HTTP
from .instrument import middleware
from .interfaces import asgi, wsgi
from .recording import Recording, current, faults, is_recording

_UNSEEN = {
    "wsgi": [
        "The environ before Django wrote PATH_INFO and SCRIPT_NAME anew, and what ran before this middleware.",
        "start_response and the body as the server took it: wrap the application in record_wsgi to see them.",
    ],
    "asgi": [
        "What ran before this middleware.",
        "receive and send, with the body as the server took it: wrap the application in record_asgi to see them.",
    ],
}


class GatewayMiddleware:
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[..., Any]) -> None:
        if not process.enabled():
            raise MiddlewareNotUsed("recording is off")
        if not instrument.is_installed():
            # Without the app the inner middleware were made before this one could watch.
            instrument.install(handlers=False)
            get_response = middleware.adopt(get_response)
        self.get_response = get_response
        self._recorder = process.recorder()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._call_async(request)
        recording = self._begin(request)
        if recording is None:
            return self.get_response(request)
        clock = thread_clock.start()
        token = current.set(recording)
        try:
            response = self.get_response(request)
        except BaseException as error:
            self._failed(recording, error)
            raise
        finally:
            current.reset(token)
            recording.scheduler = thread_clock.since(clock)
        return self._answered(recording, response)

    async def _call_async(self, request: HttpRequest) -> Any:
        recording = self._begin(request)
        if recording is None:
            return await self.get_response(request)
        token = current.set(recording)
        try:
            called = self.get_response(request)
            response = await (stepped(called, recording.steps) if recording.steps else called)
        except BaseException as error:
            self._failed(recording, error)
            raise
        finally:
            current.reset(token)
        return self._answered(recording, response)

    def _begin(self, request: Any) -> Recording | None:
        """A recording of its own, None where there is one already or none can be made."""
        if is_recording(HTTP):
            return None
        try:
            if hasattr(request, "scope"):
                recording = asgi.begin(self._recorder, request.scope, HTTP, "middleware")
            else:
                recording = wsgi.begin(self._recorder, request.environ, "middleware")
            recording.unseen = _UNSEEN[recording.interface]
            recording.begun()
            return recording
        except Exception as fault:
            faults.note(fault)
            return None

    def _failed(self, recording: Recording, error: BaseException) -> None:
        recording.fail(error)
        _finish(recording)

    def _answered(self, recording: Recording, response: HttpResponseBase) -> HttpResponseBase:
        try:
            recording.status = response.status_code
            cookies = [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
            recording.headers = self._recorder.redactor.headers([*response.items(), *cookies])
            recording.returned = now()
            # Django calls these when the server closes the response; one that it forgets, as after a client that left,
            # ends with the object.
            response._resource_closers.append(lambda: _finish(recording))  # type: ignore[attr-defined]
            weakref.finalize(response, _finish, recording).atexit = False
        except Exception as fault:
            faults.note(fault)
            _finish(recording)
        return response


def _finish(recording: Recording) -> None:
    try:
        recording.finish()
    except Exception as fault:
        faults.note(fault)
