"""Middleware of every kind, and what a chain of them is made of, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from asgiref.sync import AsyncToSync, SyncToAsync, iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import async_only_middleware, sync_and_async_middleware, sync_only_middleware
from django.utils.deprecation import MiddlewareMixin

STARTPROJECT = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


@sync_only_middleware
def sync_function(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> Any:
        return get_response(request)

    return middleware


@async_only_middleware
def async_function(get_response: Any) -> Any:
    async def middleware(request: HttpRequest) -> Any:
        return await get_response(request)

    return middleware


@sync_and_async_middleware
def either_function(get_response: Any) -> Any:
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> Any:
            return await get_response(request)

        return middleware

    def sync_middleware(request: HttpRequest) -> Any:
        return get_response(request)

    return sync_middleware


class SyncClass:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        return None


class AsyncClass:
    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> Any:
        return await self.get_response(request)

    async def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        return None


class MixinHooks(MiddlewareMixin):
    """All hooks that there are."""

    def process_request(self, request: HttpRequest) -> None:
        return None

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return HttpResponse("rescued", status=503) if "rescue" in request.GET else None

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        return response

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        return response


class NotUsed:
    def __init__(self, get_response: Any) -> None:
        raise MiddlewareNotUsed("not today")


def here(*kinds: Any) -> list[str]:
    return [f"{__name__}.{kind.__name__}" for kind in kinds]


LISTS: dict[str, list[str]] = {
    "startproject": STARTPROJECT,
    "empty": [],
    "functions": here(sync_function, either_function, async_function),
    "async only": here(async_function, AsyncClass),
    "sync only": here(sync_function, SyncClass),
    "classes": here(SyncClass, AsyncClass, MixinHooks),
    "not used": here(NotUsed, SyncClass, NotUsed, AsyncClass),
    "mixed": [
        *here(async_function, SyncClass, either_function),
        *STARTPROJECT[:3],
        *here(AsyncClass, sync_function, MixinHooks),
    ],
    "twice": here(MixinHooks, sync_function, MixinHooks),
}


def layers(handler: BaseHandler) -> Iterator[tuple[str, str]]:
    """Each link of the handler's chain, outermost first: what it is, and how it is adapted to the one around it."""
    link: Any = handler._middleware_chain  # type: ignore[attr-defined]
    while link is not None:
        adapted = ""
        if isinstance(link, SyncToAsync):
            adapted, link = "sync to async", link.func
        elif isinstance(link, AsyncToSync):
            adapted, link = "async to sync", link.awaitable
        mode = "async" if iscoroutinefunction(link) else "sync"
        inner = getattr(link, "__wrapped__", None)
        yield f"{mode} {_named(inner)}", adapted
        link = _next(inner)


def _named(layer: Any) -> str:
    owner = getattr(layer, "__self__", None)
    if isinstance(owner, BaseHandler):
        return f"handler.{layer.__name__}"
    named = layer if hasattr(layer, "__qualname__") else type(layer)
    return f"{named.__module__}.{named.__qualname__}"


def _next(layer: Any) -> Any:
    """What a middleware calls: its attribute, or in a function's closure."""
    following = getattr(layer, "get_response", None)
    if following is not None or not hasattr(layer, "__closure__"):
        return following
    cells = dict(zip(layer.__code__.co_freevars, layer.__closure__ or (), strict=True))
    return cells["get_response"].cell_contents if "get_response" in cells else None


def hooks(handler: BaseHandler) -> dict[str, list[tuple[str, str, bool]]]:
    """Each of the handler's lists of hooks: owner, name, and whether it is to be awaited."""
    found = {}
    for name in ("_view_middleware", "_template_response_middleware", "_exception_middleware"):
        listed: list[Any] = getattr(handler, name)
        found[name] = [
            (type(getattr(hook, "__self__", None)).__name__, _hook_name(hook), iscoroutinefunction(hook))
            for hook in listed
        ]
    return found


def _hook_name(hook: Any) -> str:
    for attribute in ("func", "awaitable"):
        hook = getattr(hook, attribute, hook)
    return str(hook.__name__)


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("sync")


async def async_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("async")


def failing(request: HttpRequest) -> HttpResponse:
    raise ValueError("failed on purpose")


async def failing_async(request: HttpRequest) -> HttpResponse:
    raise ValueError("failed on purpose, on the loop")


urlpatterns = [
    path("sync/", view),
    path("async/", async_view),
    path("failing/", failing),
    path("failing-async/", failing_async),
]

Make = Callable[[], BaseHandler]
