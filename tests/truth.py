"""Views that compute, sleep, wait and fail, asked once with everything recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import override_settings
from django.urls import include, path
from django.views import View

import chains
import recorders
from django_gateway.exchange import Exchange
from recorders import recorded_process, serve, serve_asgi

MS = 1_000_000


# Views


def burning(request: HttpRequest) -> HttpResponse:
    end = time.thread_time() + 0.05
    while time.thread_time() < end:
        pass
    return HttpResponse("burnt")


def sleeping(request: HttpRequest) -> HttpResponse:
    time.sleep(0.05)
    return HttpResponse("slept")


async def burning_async(request: HttpRequest) -> HttpResponse:
    return burning(request)


async def waiting(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0.05)
    return HttpResponse("waited")


def blocks() -> None:
    time.sleep(0.5)


async def blocking(request: HttpRequest) -> HttpResponse:
    blocks()
    await asyncio.sleep(0.01)
    return HttpResponse("blocked")


def lost(request: HttpRequest) -> HttpResponse:
    raise Http404("no such thing")


def rendered(request: HttpRequest) -> TemplateResponse:
    return TemplateResponse(request, engines["django"].from_string("{{ a }}"), {"a": 1})


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Any:
        yield b"first"
        yield b"second"
        raise ValueError("in the middle")

    return StreamingHttpResponse(chunks())


class ByClass(View):
    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return HttpResponse("by class")


class ByAsyncClass(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("by async class")


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("unhashable")


def helper() -> None:
    raise LookupError("in a helper")


def raising(request: HttpRequest) -> HttpResponse:
    helper()
    return HttpResponse()


urlpatterns = [
    path("sync/", chains.view, name="sync"),
    path("async/", chains.async_view),
    path("burning/", burning),
    path("burning-async/", burning_async),
    path("sleeping/", sleeping),
    path("waiting/", waiting),
    path("blocking/", blocking),
    path("lost/", lost),
    path("rendered/", rendered),
    path("streamed/", streamed),
    path("raising/", raising),
    path("class/<int:number>/<slug:token>/", ByClass.as_view(), name="class"),
    path("async-class/", ByAsyncClass.as_view()),
    path("partial/", partial(partial(chains.view))),
    path("unhashable/", Unhashable()),
    path("nested/", include(([path("inner/", chains.view, name="inner")], "shop"))),
]


def asked(
    interface: str, where: str, *, middleware: list[str] | None = None, make: Callable[[], BaseHandler] | None = None
) -> Exchange:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=middleware or []), recorded_process() as recorded:
        if interface == "wsgi":
            serve(recorded.wsgi((make or WSGIHandler)()), recorders.environ(where))
        else:
            asyncio.run(serve_asgi(recorded.asgi((make or ASGIHandler)()), recorders.scope(where)))
    return recorded.only


BOTH = pytest.mark.parametrize("interface", ["wsgi", "asgi"])
