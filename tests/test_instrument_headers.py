"""Where each header of an answer comes from, what was changed and what was removed on its way out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import override_settings
from django.urls import path
from django.utils.deprecation import MiddlewareMixin

import recorders
from chains import STARTPROJECT
from django_gateway import provenance
from django_gateway.document import document
from django_gateway.exchange import Exchange
from django_gateway.provenance import Origin, Removed
from recorders import recorded_process, serve, serve_asgi

BOTH = pytest.mark.parametrize("interface", ["wsgi", "asgi"])
HERE = __name__


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain", headers={"X-View": "1", "Vary": "Accept", "X-Gone": "soon"})


async def plain_async(request: HttpRequest) -> HttpResponse:
    return plain(request)


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("cookies")
    response.set_cookie("mine", "secret-value")
    return response


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse([b"a", b"b"], headers={"X-Stream": "1"})


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(open(__file__, "rb"))


def lost(request: HttpRequest) -> HttpResponse:
    raise Http404


def rendered(request: HttpRequest) -> TemplateResponse:
    return TemplateResponse(request, engines["django"].from_string("rendered"))


urlpatterns = [
    path("plain/", plain),
    path("plain-async/", plain_async),
    path("cookies/", cookies),
    path("streamed/", streamed),
    path("file/", file),
    path("lost/", lost),
    path("rendered/", rendered),
]


class Editing(MiddlewareMixin):
    """Adds one, changes one, removes one."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers["X-Added"] = "by Editing"
        response.headers["Vary"] = "Accept, Cookie"
        response.headers.pop("X-Gone", None)
        return response


class SameAgain(MiddlewareMixin):
    """Sets what is there to what it is."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        for name, value in response.headers.items():
            response.headers[name] = value
        return response


class Swapping(MiddlewareMixin):
    """Another response in place of the view's."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return HttpResponse("swapped", headers={"X-View": "1", "X-Swapped": "1"})


class Answering(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("answered", headers={"X-Early": "1"})


class Viewing(MiddlewareMixin):
    """Answers from hooks."""

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        return HttpResponse("in place of the view", headers={"X-Hook": "view"}) if "view" in request.GET else None

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        response.headers["X-Hook"] = "template"
        return response


class Baking(MiddlewareMixin):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.set_cookie("baked", "1")
        response.set_cookie("mine", "changed")
        return response


def here(*kinds: type) -> list[str]:
    return [f"{HERE}.{kind.__name__}" for kind in kinds]


def asked(interface: str, where: str, middleware: list[str], query: str = "", around: Any = None) -> Exchange:
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=middleware), recorded_process() as recorded:
        if interface == "wsgi":
            serve(recorded.wsgi((around or (lambda inner: inner))(WSGIHandler())), recorders.environ(where, query))
        else:
            asyncio.run(serve_asgi(recorded.asgi(ASGIHandler()), recorders.scope(where, query)))
    return recorded.only


def told(exchange: Exchange) -> dict[str, Origin]:
    pairs = zip(exchange.headers or (), provenance.origins(exchange), strict=True)
    return {
        name if name != "Set-Cookie" else value.partition("=")[0].strip(): origin for (name, value), origin in pairs
    }


@BOTH
@pytest.mark.parametrize("view", ["plain", "plain_async"])
def test_view_and_middleware(interface: str, view: str) -> None:
    exchange = asked(interface, f"/{view.replace('_', '-')}/", [*here(Editing), *STARTPROJECT])
    found = told(exchange)
    django = "django.middleware."
    assert found == {
        "Content-Type": Origin(f"{HERE}.{view}"),
        "X-View": Origin(f"{HERE}.{view}"),
        "Vary": Origin(f"{HERE}.{view}", [f"{HERE}.Editing"]),
        "X-Frame-Options": Origin(f"{django}clickjacking.XFrameOptionsMiddleware"),
        "Content-Length": Origin(f"{django}common.CommonMiddleware"),
        "X-Content-Type-Options": Origin(f"{django}security.SecurityMiddleware"),
        "Referrer-Policy": Origin(f"{django}security.SecurityMiddleware"),
        "Cross-Origin-Opener-Policy": Origin(f"{django}security.SecurityMiddleware"),
        "X-Added": Origin(f"{HERE}.Editing"),
    }
    assert provenance.removed(exchange) == [Removed("X-Gone", f"{HERE}.{view}", f"{HERE}.Editing")]
    response = document(exchange)["response"]
    (vary,) = (header for header in response["headers"] if header["name"] == "Vary")
    assert vary == {
        "name": "Vary",
        "value": "Accept, Cookie",
        "origin": f"{HERE}.{view}",
        "changed_by": [f"{HERE}.Editing"],
    }
    assert response["removed"] == [{"name": "X-Gone", "origin": f"{HERE}.{view}", "removed_by": f"{HERE}.Editing"}]


@BOTH
def test_what_is_set_to_what_it_was_is_not_changed(interface: str) -> None:
    exchange = asked(interface, "/plain/", here(SameAgain, Editing, SameAgain))
    assert told(exchange)["Vary"].changed_by == [f"{HERE}.Editing"]
    assert told(exchange)["X-View"] == Origin(f"{HERE}.plain")
    # Three of five events would be empty: only differences are kept.
    assert [event[2] for event in exchange.trail if event[0] == "django.headers"] == [
        f"{HERE}.plain",
        f"{HERE}.Editing",
    ]


@BOTH
def test_a_response_in_place_of_another(interface: str) -> None:
    exchange = asked(interface, "/plain/", here(Swapping))
    assert told(exchange)["X-Swapped"] == Origin(f"{HERE}.Swapping")
    assert told(exchange)["X-View"] == Origin(f"{HERE}.plain")
    assert {header.name for header in provenance.removed(exchange)} == {"Vary", "X-Gone"}


@BOTH
def test_who_answers_early_set_them_all(interface: str) -> None:
    exchange = asked(interface, "/plain/", here(Editing, Answering, SameAgain))
    found = told(exchange)
    assert found["X-Early"] == found["Content-Type"] == Origin(f"{HERE}.Answering")
    assert found["X-Added"] == Origin(f"{HERE}.Editing")


@BOTH
def test_hooks(interface: str) -> None:
    found = told(asked(interface, "/plain/", here(Editing, Viewing), "view"))
    assert found["X-Hook"] == found["Content-Type"] == Origin(f"{HERE}.Viewing")
    found = told(asked(interface, "/rendered/", here(Editing, Viewing)))
    assert found["X-Hook"] == Origin(f"{HERE}.Viewing")
    assert found["Content-Type"] == Origin(f"{HERE}.rendered")


@BOTH
def test_an_answer_to_an_exception(interface: str) -> None:
    found = told(asked(interface, "/lost/", here(Editing)))
    assert found["Content-Type"] == Origin("django.core.handlers.exception")
    assert found["Vary"] == Origin(f"{HERE}.Editing")


@BOTH
def test_cookies_one_by_one(interface: str) -> None:
    exchange = asked(interface, "/cookies/", here(Baking))
    found = told(exchange)
    assert found["mine"] == Origin(f"{HERE}.cookies", [f"{HERE}.Baking"])
    assert found["baked"] == Origin(f"{HERE}.Baking")
    assert b"secret-value" not in recorders.dumped(exchange)


@BOTH
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
@pytest.mark.parametrize("view", ["streamed", "file"])
def test_streams(interface: str, view: str) -> None:
    found = told(asked(interface, f"/{view}/", [*here(Editing), *STARTPROJECT]))
    assert found["Content-Type"] == Origin(f"{HERE}.{view}")
    assert found["X-Added"] == Origin(f"{HERE}.Editing")


def test_what_is_around_django() -> None:
    def around(inner: Any) -> Any:
        def application(environ: Any, start_response: Any) -> Any:
            def start(status: str, headers: Any, exc_info: Any = None) -> Any:
                return start_response(status, [*headers, ("X-Around", "1")], exc_info)

            return inner(environ, start)

        return application

    found = told(asked("wsgi", "/plain/", [], around=around))
    assert found["X-Around"] == Origin(provenance.OUTSIDE)
    assert found["X-View"] == Origin(f"{HERE}.plain")


def test_without_django_nothing_is_known() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    with recorded_process() as recorded:
        serve(recorded.wsgi(application))
    assert provenance.origins(recorded.only) == [Origin(None)]
