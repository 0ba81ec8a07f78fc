"""A site for what is told of Django from within: its URLconf, and one request of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.template import engines
from django.template.response import TemplateResponse
from django.test import override_settings
from django.urls import include, path, re_path, register_converter
from django.urls.converters import IntConverter
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

import recorders
from django_gateway.document import document
from django_gateway.exchange import Exchange
from recorders import recorded_process, serve, serve_asgi

BOTH = pytest.mark.parametrize("interface", ["wsgi", "asgi"])
HERE = __name__


class Year(IntConverter):
    regex = "[0-9]{4}"


register_converter(Year, "year4")


def plain(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse("plain")


def rendered(request: HttpRequest) -> TemplateResponse:
    return TemplateResponse(request, engines["django"].from_string("x"))


def raising(request: HttpRequest) -> HttpResponse:
    raise ValueError("as asked")


@csrf_exempt
@never_cache
@require_GET
def decorated(request: HttpRequest) -> HttpResponse:
    return HttpResponse("decorated")


class ByClass(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("by class")


def reading(request: HttpRequest) -> HttpResponse:
    how = request.GET["how"]
    if how == "body":
        return HttpResponse(request.body + request.body)
    if how == "post":
        return HttpResponse(request.POST["a"] + request.POST["a"])
    if how == "stream":
        return HttpResponse(b"|".join(iter(lambda: request.read(4), b"")))
    if how == "lines":
        return HttpResponse(b"|".join(request))
    if how == "too late":
        request.read(1)
        try:
            return HttpResponse(request.body)
        except RawPostDataException:
            return HttpResponse("too late")
    return HttpResponse("not read")


urlpatterns = [
    path("first/", plain, name="first"),
    path("archive/<year4:year>/<slug:word>/", plain, name="archive"),
    path("rendered/", rendered),
    path("raising/", raising),
    path("decorated/", decorated),
    path("class/", ByClass.as_view()),
    path("reading/", csrf_exempt(reading)),
    path(
        "shop/",
        include(([path("cart/", plain, name="cart"), path("orders/<int:number>/", plain, name="order")], "shop")),
    ),
    re_path(r"^old/(?P<number>\d+)$", plain, name="old"),
]


def asked(
    interface: str, where: str, middleware: list[str] | None = None, query: str = "", body: bytes = b"", **more: Any
) -> tuple[Exchange, bytes]:
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=middleware or []), recorded_process() as recorded:
        if interface == "wsgi":
            form = {"CONTENT_TYPE": "application/x-www-form-urlencoded"} if body else {}
            answered = serve(recorded.wsgi(WSGIHandler()), recorders.environ(where, query, body, **form))
            return recorded.only, answered.body
        headers = [(b"host", b"testserver"), (b"content-type", b"application/x-www-form-urlencoded")]
        method = "POST" if body else "GET"
        scope = recorders.scope(where, query, headers=headers, method=method)
        connection = asyncio.run(serve_asgi(recorded.asgi(ASGIHandler()), scope, body))
        return recorded.only, connection.body


def chain_of(interface: str, middleware: list[str], where: str = "/first/", query: str = "") -> dict[str, Any]:
    exchange, _ = asked(interface, where, middleware, query)
    found: dict[str, Any] = document(exchange)["chain"]
    return found


def here(*kinds: Any) -> list[str]:
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in kinds]
