"""Django from within: the chain as built, the resolver's attempts, who reads the body, who listens to signals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.template import engines
from django.template.response import TemplateResponse
from django.test import override_settings
from django.urls import include, path, re_path, register_converter
from django.urls.converters import IntConverter
from django.utils.deprecation import MiddlewareMixin
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

import recorders
from chains import LISTS, STARTPROJECT, AsyncClass, MixinHooks, NotUsed, SyncClass, async_function, sync_function
from django_gateway import routing
from django_gateway.document import document
from django_gateway.exchange import Exchange
from django_gateway.routing import Attempt, almost
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


# The chain as built


@BOTH
@pytest.mark.parametrize("listed", LISTS)
def test_every_listed_middleware_is_told(interface: str, listed: str) -> None:
    built = chain_of(interface, LISTS[listed])
    assert [layer["listed"] for layer in built["layers"]] == LISTS[listed]
    assert [layer["used"] for layer in built["layers"]] == [not name.endswith("NotUsed") for name in LISTS[listed]]
    assert all(layer["reached"] is layer["used"] for layer in built["layers"])
    assert built["interface"] == interface


def test_adaptation_under_wsgi() -> None:
    built = chain_of("wsgi", here(async_function, sync_function, AsyncClass))
    modes = [(layer["mode"], layer["calls"]) for layer in built["layers"]]
    # From the outermost: what the handler calls, then what each layer calls.
    assert built["calls"] == "async_to_sync"
    assert modes == [("async", "sync_to_async"), ("sync", "async_to_sync"), ("async", "sync_to_async")]
    assert [(layer["sync_capable"], layer["async_capable"]) for layer in built["layers"]] == [
        (False, True),
        (True, False),
        (False, True),
    ]


def test_adaptation_under_asgi() -> None:
    built = chain_of("asgi", here(sync_function, async_function))
    assert built["calls"] == "sync_to_async"
    assert [(layer["mode"], layer["calls"]) for layer in built["layers"]] == [
        ("sync", "async_to_sync"),
        ("async", None),
    ]


@BOTH
def test_an_unused_outermost_layer_hides_nothing(interface: str) -> None:
    other = sync_function if interface == "asgi" else async_function
    built = chain_of(interface, here(NotUsed, other))
    assert built["calls"] == ("sync_to_async" if interface == "asgi" else "async_to_sync")
    unused = built["layers"][0]
    assert (unused["used"], unused["reached"], unused["hooks"]) == (False, False, [])


@BOTH
def test_hooks_present_and_how_they_are_adapted(interface: str) -> None:
    built = chain_of(interface, here(MixinHooks, AsyncClass, SyncClass))
    hooks = {layer["name"]: {hook["name"]: hook for hook in layer["hooks"]} for layer in built["layers"]}
    assert list(hooks["chains.MixinHooks"]) == [
        "process_request",
        "process_view",
        "process_template_response",
        "process_exception",
        "process_response",
    ]
    assert list(hooks["chains.AsyncClass"]) == ["process_view"]
    adapted = {name: each["process_view"]["adapted"] for name, each in hooks.items()}
    if interface == "asgi":
        assert adapted == {
            "chains.MixinHooks": "sync_to_async",
            "chains.AsyncClass": None,
            "chains.SyncClass": "sync_to_async",
        }
    else:
        assert adapted == {"chains.MixinHooks": None, "chains.AsyncClass": "async_to_sync", "chains.SyncClass": None}
    assert hooks["chains.AsyncClass"]["process_view"]["mode"] == "async"


class Answering(MiddlewareMixin):
    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        return HttpResponse("from process_view") if "early" in request.GET else None


class Closed(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("closed", status=503)


@BOTH
@pytest.mark.parametrize(
    ("where", "query", "expected"),
    [
        ("/first/", "", {"process_template_response": "no render()", "process_exception": "raised nothing"}),
        ("/rendered/", "", {"process_exception": "raised nothing"}),
        ("/raising/", "", {"process_template_response": "the view raised"}),
        ("/raising/", "rescue", {"process_template_response": "the view raised"}),
        (
            "/nowhere/",
            "",
            {"process_view": "no route", "process_template_response": "no route", "process_exception": "no route"},
        ),
        (
            "/first/",
            "early",
            {
                "process_view": "outer",
                "process_template_response": "in place of",
                "process_exception": "raised nothing",
            },
        ),
    ],
)
def test_hooks_that_were_not_called_and_why(interface: str, where: str, query: str, expected: dict[str, str]) -> None:
    built = chain_of(interface, here(Answering, MixinHooks), where, query)
    hooks = {hook["name"]: hook for hook in built["layers"][1]["hooks"]}
    assert {name for name, hook in hooks.items() if not hook["called"]} == expected.keys()
    for name, words in expected.items():
        assert words in hooks[name]["why"]


@BOTH
def test_layers_that_were_not_reached(interface: str) -> None:
    built = chain_of(interface, here(MixinHooks, Closed, SyncClass, MixinHooks))
    assert [layer["reached"] for layer in built["layers"]] == [True, True, False, False]
    whys = {hook["name"]: hook["why"] for hook in built["layers"][3]["hooks"]}
    assert all(why == f"{HERE}.Closed answered before it was reached" for why in whys.values())
    outer = {hook["name"]: hook["why"] for hook in built["layers"][0]["hooks"]}
    assert outer["process_request"] is outer["process_response"] is None
    assert "no view was looked for" in outer["process_view"]


def test_it_is_kept_once_for_the_process() -> None:
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=STARTPROJECT), recorded_process() as recorded:
        application = recorded.wsgi(WSGIHandler())
        for _ in range(3):
            serve(application, recorders.environ("/first/"))
        from django_gateway import facts

        assert all(type(number) is int for number in facts.current)
        assert len(facts.current) == 3  # the application, its chain, the receivers
        serve(recorded.wsgi(WSGIHandler()), recorders.environ("/first/"))
        assert len(facts.current) == 3
    assert facts.current == []


# The resolver


@BOTH
def test_what_was_tried_until_a_route_matched(interface: str) -> None:
    found = document(asked(interface, "/archive/2024/word/")[0])["routing"]
    assert (found["matched"], found["count"], found["almost"]) == (True, 2, None)
    assert found["tried"] == [
        {"patterns": ["first/"], "name": "first"},
        {"patterns": ["archive/<year4:year>/<slug:word>/"], "name": "archive"},
    ]
    assert found["converters"] == {"year": "Year", "word": "SlugConverter"}


@BOTH
def test_included_patterns_are_told_in_their_chain(interface: str) -> None:
    found = document(asked(interface, "/shop/orders/7/")[0])["routing"]
    assert found["tried"][-2:] == [
        {"patterns": ["shop/", "cart/"], "name": "cart"},
        {"patterns": ["shop/", "orders/<int:number>/"], "name": "order"},
    ]
    assert found["converters"] == {"number": "IntConverter"}


@pytest.mark.parametrize(
    ("where", "route", "why"),
    [
        ("/first", "first/", "the route has a slash at its end"),
        ("/First/", "first/", "upper and lower case"),
        ("/frist/", "first/", "'frist' is not 'first'"),
        ("/archive/twenty/word/", "archive/<year4:year>/<slug:word>/", "one of its converters"),
        ("/shop/orders/seven/", "shop/orders/<int:number>/", "'seven' is no int"),
        ("/shop/order/7/", "shop/orders/<int:number>/", "'order' is not 'orders'"),
        ("/something/else/entirely/", None, None),
        ("/old/x", None, None),
        ("/", None, None),
    ],
)
def test_the_route_that_a_path_was_nearest_to(where: str, route: str | None, why: str | None) -> None:
    found = document(asked("wsgi", where)[0])["routing"]
    assert not found["matched"]
    assert found["count"] == len(found["tried"]) == (10 if where.startswith("/shop/") else 9)
    if route is None or why is None:
        assert found["almost"] is None
    else:
        assert found["almost"]["route"] == route
        assert why in found["almost"]["why"]


def test_hostile_paths_are_near_to_nothing_and_cost_little() -> None:
    tried = [Attempt([f"route-{number}/<int:a>/"], None) for number in range(300)]
    for path_ in ("/" * 2_000, "a/" * 2_000, "(" * 500, "\\", "é" * 500, "x" * 5_000):
        assert almost(path_, tried) is None


@BOTH
def test_wrappers_of_the_view(interface: str) -> None:
    found = document(asked(interface, "/decorated/")[0])["routing"]
    assert [name.rpartition(".")[2] for name in found["wrappers"]] == [
        "csrf_exempt",
        "never_cache",
        "require_http_methods",
    ]
    assert document(asked(interface, "/first/")[0])["routing"]["wrappers"] == []
    assert document(asked(interface, "/class/")[0])["routing"]["wrappers"] == []


def test_wrappers_that_go_in_circles() -> None:
    from django_gateway.instrument.routes import wrappers

    def view() -> None: ...

    view.__wrapped__ = view  # type: ignore[attr-defined]
    assert 0 < len(wrappers(view)) <= 30


# The request's body


def outside(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


class PostReading(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> None:
        request.POST.get("a")


@BOTH
@pytest.mark.parametrize(
    ("how", "expected", "body"),
    [
        ("body", [("body", 6)], b"a=bcdea=bcde"),
        ("post", [("POST", None)], b"bcdebcde"),
        ("stream", [("read", 4)], b"a=bc|de"),
        ("lines", [("readline", 6)], b"a=bcde"),
        ("nothing", [], b"not read"),
    ],
)
def test_who_reads_the_body(interface: str, how: str, expected: list[Any], body: bytes) -> None:
    exchange, answered = asked(interface, "/reading/", query=f"how={how}", body=b"a=bcde")
    reads = document(exchange)["body_reads"]
    assert [(read["how"], read["size"]) for read in reads] == expected
    assert all(read["by"].startswith(f"{HERE}.reading") for read in reads)
    assert all(read["exception"] is None and read["ms"] >= 0 for read in reads)
    assert answered == body


@BOTH
def test_a_middleware_that_reads_before_the_view(interface: str) -> None:
    exchange, answered = asked(interface, "/reading/", [f"{HERE}.PostReading"], "how=post", b"a=bcde")
    (read,) = document(exchange)["body_reads"]
    assert read["by"].startswith(f"{HERE}.PostReading.process_request:")
    assert answered == b"bcdebcde"


@BOTH
def test_a_body_asked_for_too_late(interface: str) -> None:
    exchange, answered = asked(interface, "/reading/", query="how=too+late", body=b"a=bcde")
    first, second = document(exchange)["body_reads"]
    assert (first["how"], first["size"]) == ("read", 1)
    assert (second["how"], second["exception"]) == ("body", "RawPostDataException")
    assert answered == b"too late"


@BOTH
def test_a_get_reads_nothing(interface: str) -> None:
    exchange, _ = asked(interface, "/first/", [f"{HERE}.PostReading", *STARTPROJECT])
    assert routing.reads(exchange) == []


# Signals


def listening(**kwargs: Any) -> None:
    return None


async def listening_async(**kwargs: Any) -> None:
    return None


def test_receivers_come_and_go() -> None:
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=[]), recorded_process() as recorded:
        application = recorded.wsgi(WSGIHandler())

        def told(name: str) -> list[tuple[str, str]]:
            serve(application, recorders.environ("/first/"))
            receivers = document(recorded.exchanges[-1])["receivers"]
            return [(each["name"], each["mode"]) for each in receivers[name]]

        before = told("request_started")
        request_started.connect(listening)
        request_finished.connect(listening_async)
        try:
            assert told("request_started") == [*before, (f"{HERE}.listening", "sync")]
            assert (f"{HERE}.listening_async", "async") in told("request_finished")
        finally:
            request_started.disconnect(listening)
            request_finished.disconnect(listening_async)
        assert told("request_started") == before
        # Any other signal is none of ours.
        Signal().connect(listening)
        assert told("request_started") == before
