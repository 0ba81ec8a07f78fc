"""Every middleware's way in and out, and its hooks.

Django wraps each middleware, when it builds the chain, in ``convert_exception_to_response``: a wrapper that is called
for the whole of what that middleware does. The same place serves us, so nothing is asked of the middleware itself, and
whether a layer is sync or async stays as Django decided it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import update_wrapper, wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.handlers import base, exception
from django.core.handlers.base import BaseHandler

from ..clocks import now
from ..failures import without_us
from ..fields import reach
from ..recording import current
from . import spans
from .headers import passed

_HOOK_LISTS = ("_view_middleware", "_template_response_middleware", "_exception_middleware")


def patches() -> Iterable[tuple[Any, str, Any]]:
    yield base, "convert_exception_to_response", _converted(exception.convert_exception_to_response)
    yield BaseHandler, "load_middleware", _loaded(BaseHandler.load_middleware)


def _converted(original: Any) -> Any:
    @wraps(original)
    def convert(get_response: Any) -> Any:
        if isinstance(getattr(get_response, "__self__", None), BaseHandler):
            return original(get_response)  # the innermost: resolver and view, seen for themselves
        return traced(get_response, path_of(get_response), original(get_response))

    return convert


def path_of(middleware: Any) -> str:
    """The dotted path of a middleware instance, or of the factory function whose closure it is."""
    if not hasattr(middleware, "__qualname__"):
        middleware = type(middleware)
    return f"{middleware.__module__}.{middleware.__qualname__}".partition(".<locals>")[0]


def traced(layer: Any, path: str, converted: Any, own: Any = None) -> Any:
    """``converted``, Django's wrapper of the middleware ``layer``, with the way in and out recorded.

    Sync or async as it is. ``own`` is what ``converted`` was before it was adapted to its caller.
    """
    mode = "async" if iscoroutinefunction(own or converted) else "sync"
    said = spans.words(("django.middleware.started", path, mode), ("django.middleware.finished", path))
    if not iscoroutinefunction(converted):
        return update_wrapper(spans.layer(layer, converted, said, path, _response_for_exception), layer)
    left = spans.way_out(said, path)

    @wraps(layer)
    async def trace(request: Any) -> Any:
        recording = current.get()
        if recording is None:
            return await converted(request)
        entered = reach(recording, said.started, said.began)
        try:
            response = await layer(request)
        except Exception as error:
            without_us(error)
            response = await sync_to_async(_response_for_exception, thread_sensitive=False)(request, error)
        left(recording, response, entered)
        return response

    return trace


def _response_for_exception(request: Any, error: Exception) -> Any:
    return exception.response_for_exception(request, error)


def _loaded(original: Any) -> Any:
    @wraps(original)
    def load_middleware(self: BaseHandler, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        for name in _HOOK_LISTS:
            setattr(self, name, [_traced_hook(hook) for hook in getattr(self, name) or ()])

    return load_middleware


def _traced_hook(hook: Any) -> Any:
    """``process_view`` and its like. Django reads ``__self__`` of some, so it stays where it was."""
    owner = getattr(hook, "__self__", None)
    if owner is None or path_of(owner) == "django_gateway.middleware.GatewayMiddleware":
        return hook
    # One that is adapted to the other mode is an asgiref object around it.
    function = getattr(hook, "func", None) or getattr(hook, "awaitable", None) or hook
    path, name = path_of(owner), getattr(function, "__name__", "hook")
    said = spans.words(("django.hook.started", path, name), ("django.hook.finished", path, name))
    trace: Any = _async_hook(hook, said, path) if iscoroutinefunction(hook) else spans.hook(hook, said, path)
    trace.__self__ = owner
    trace.__name__ = name
    trace.__qualname__ = getattr(function, "__qualname__", name)
    return trace


def _async_hook(hook: Any, said: spans.Words, path: str) -> Any:
    async def trace(*args: Any) -> Any:
        recording = current.get()
        if recording is None:
            return await hook(*args)
        reach(recording, said.started, said.began)
        try:
            answer = await hook(*args)
            if answer is not None:
                passed(recording, answer, path, now())
            return answer
        except BaseException as error:
            without_us(error)
            raise
        finally:
            reach(recording, said.finished, said.ended)

    return trace


def adopt(get_response: Any) -> Any:
    """The chain below ``get_response``, recorded though it was built without us; for GatewayMiddleware.

    Follows each middleware's own ``get_response`` attribute, as Django's MiddlewareMixin keeps it; a middleware that
    hides it in a closure ends the walk, and what lies below it shows as part of it.
    """
    # An adapted layer is an asgiref object around the converted one.
    own = getattr(get_response, "func", None) or getattr(get_response, "awaitable", None) or get_response
    layer = getattr(own, "__wrapped__", None)
    if layer is None or isinstance(getattr(layer, "__self__", None), BaseHandler):
        return get_response  # the innermost, or none of Django's making
    following = getattr(layer, "get_response", None)
    if callable(following):
        layer.get_response = adopt(following)
    # Converted already, and maybe adapted: it is recorded around all of that.
    return traced(get_response, path_of(layer), get_response, own)
