"""What is told of a request inside Django is what happened: order, places, times, failures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
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
from chains import LISTS, STARTPROJECT
from django_gateway import phases
from django_gateway.exchange import Exchange
from recorders import names, recorded_process, serve, serve_asgi

MS = 1_000_000

pytestmark = pytest.mark.django_db


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


# The onion


@BOTH
def test_the_onion_is_in_order_and_every_layer_is_closed(interface: str) -> None:
    exchange = asked(interface, "/sync/", middleware=STARTPROJECT)
    layers = phases.middleware(exchange)
    assert [layer.name for layer in layers] == STARTPROJECT
    assert [layer.depth for layer in layers] == list(range(7))
    assert {layer.mode for layer in layers} == {"sync" if interface == "wsgi" else "async"}
    assert {layer.status for layer in layers} == {200}
    view = phases.view(exchange)
    assert view is not None
    assert exchange.duration is not None
    last = 0
    for layer in layers:
        assert layer.started >= last
        last = layer.started
        assert layer.finished is not None
        assert layer.finished <= exchange.duration
        assert layer.before >= 0
        assert layer.after >= 0
    for outer, inner in pairwise(layers):
        assert outer.finished is not None
        assert inner.finished is not None
        assert inner.finished <= outer.finished
    assert view.started >= layers[-1].started
    assert view.finished is not None
    assert view.finished <= layers[-1].finished  # type: ignore[operator]
    assert sum(layer.own for layer in layers) <= exchange.split.middleware + exchange.split.view


@BOTH
@pytest.mark.parametrize("listed", LISTS)
def test_layers_of_every_kind(interface: str, listed: str) -> None:
    exchange = asked(interface, "/sync/", middleware=LISTS[listed])
    used = [name for name in LISTS[listed] if not name.endswith("NotUsed")]
    assert [layer.name for layer in phases.middleware(exchange)] == used


@BOTH
def test_time_of_a_layer_is_its_own(interface: str) -> None:
    exchange = asked(interface, "/sync/", middleware=[f"{__name__}.Slow", *STARTPROJECT[:2]])
    slow, *others = phases.middleware(exchange)
    assert slow.before >= 20 * MS
    assert slow.after >= 10 * MS
    assert slow.finished is not None
    assert others[0].finished is not None
    # None of it is counted a second time further in.
    assert others[0].finished - others[0].started <= slow.finished - slow.started - 30 * MS


class Slow:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        time.sleep(0.02)
        response = self.get_response(request)
        time.sleep(0.01)
        return response


@BOTH
def test_hooks_are_told_with_their_middleware(interface: str) -> None:
    exchange = asked(interface, "/rendered/", middleware=[f"{chains.__name__}.MixinHooks"])
    hooks = [span.fields for span in phases.spans(exchange, "django.hook")]
    assert [hook["hook"] for hook in hooks] == ["process_view", "process_template_response"]
    assert {hook["middleware"] for hook in hooks} == {"chains.MixinHooks"}


def test_a_middleware_that_answers_ends_the_way_in() -> None:
    exchange = asked("wsgi", "/sync/", middleware=[STARTPROJECT[0], f"{__name__}.Answers", STARTPROJECT[1]])
    assert [layer.name for layer in phases.middleware(exchange)] == [STARTPROJECT[0], f"{__name__}.Answers"]
    assert phases.view(exchange) is None
    assert exchange.match is None
    assert exchange.status == 202


class Answers:
    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("short", status=202)


# Crossings


def test_a_sync_view_crosses_sixteen_times_under_asgi() -> None:
    """13 hooks of the seven middleware, the view, request_started's receivers, and closing the response."""
    exchange = asked("asgi", "/sync/", middleware=STARTPROJECT)
    crossings = phases.crossings(exchange)
    assert len(crossings) == exchange.sizes.crossings == 16
    assert {crossing.direction for crossing in crossings} == {"to_thread"}
    hooks = [c.function.rpartition(".")[2] for c in crossings if c.function.rpartition(".")[0] in STARTPROJECT]
    assert hooks == ["process_request"] * 6 + ["process_view"] + ["process_response"] * 6
    assert sum(crossing.function == "chains.view" for crossing in crossings) == 1


def test_an_async_view_crosses_fifteen_times() -> None:
    exchange = asked("asgi", "/async/", middleware=STARTPROJECT)
    assert len(phases.crossings(exchange)) == exchange.sizes.crossings == 15


def test_crossings_belong_to_the_middleware_that_made_them() -> None:
    exchange = asked("asgi", "/sync/", middleware=STARTPROJECT)
    for crossing in phases.crossings(exchange):
        middleware = crossing.function.rpartition(".")[0]
        if middleware in STARTPROJECT:
            assert crossing.caller == middleware
        else:
            assert crossing.caller is None or crossing.function == "chains.view"


def test_crossings_have_a_thread_and_times_in_order() -> None:
    exchange = asked("asgi", "/sleeping/", middleware=STARTPROJECT)
    crossings = phases.crossings(exchange)
    assert exchange.duration is not None
    for crossing in crossings:
        assert crossing.thread is not None
        assert crossing.entered is not None
        assert crossing.left is not None
        assert 0 <= crossing.started <= crossing.entered <= crossing.left <= crossing.returned <= exchange.duration
        assert crossing.waited >= 0
    # One executor for the whole request (thread-sensitive), and no crossing while another is under way.
    assert len({crossing.thread for crossing in crossings}) == 1
    for one, other in pairwise(crossings):
        assert one.returned <= other.started
    (view,) = (crossing for crossing in crossings if crossing.function.endswith(".sleeping"))
    assert view.ran >= 50 * MS


def test_an_async_view_under_wsgi_crosses_to_a_loop() -> None:
    exchange = asked("wsgi", "/async/", middleware=STARTPROJECT)
    (crossing,) = phases.crossings(exchange)
    assert crossing.direction == "to_loop"
    assert crossing.function == "chains.async_view"
    assert exchange.sizes.crossings == 1


def test_a_sync_view_under_wsgi_crosses_nowhere() -> None:
    exchange = asked("wsgi", "/sync/", middleware=STARTPROJECT)
    assert phases.crossings(exchange) == []
    assert exchange.sizes.crossings == 0


def test_adapted_middleware_crosses_both_ways() -> None:
    """A sync-only middleware between async ones: to a thread, and from there back to the loop."""
    exchange = asked("asgi", "/async/", middleware=LISTS["functions"])
    assert {crossing.direction for crossing in phases.crossings(exchange)} == {"to_thread", "to_loop"}


def test_a_crossing_that_fails_is_told_too() -> None:
    exchange = asked("asgi", "/raising/")
    (crossing,) = (c for c in phases.crossings(exchange) if c.function == f"{__name__}.raising")
    assert crossing.left is not None
    assert exchange.failure is not None


# The view


@BOTH
@pytest.mark.parametrize(
    ("where", "name", "route"),
    [
        ("/sync/", "chains.view", "sync/"),
        ("/class/7/word/", f"{__name__}.ByClass", "class/<int:number>/<slug:token>/"),
        ("/async-class/", f"{__name__}.ByAsyncClass", "async-class/"),
        ("/partial/", "chains.view", "partial/"),
        ("/unhashable/", f"{__name__}.Unhashable", "unhashable/"),
        ("/nested/inner/", "chains.view", "nested/inner/"),
    ],
)
def test_the_view_and_its_route(interface: str, where: str, name: str, route: str) -> None:
    exchange = asked(interface, where)
    view = phases.view(exchange)
    assert view is not None
    assert exchange.match is not None
    assert (view.name, exchange.match.view, exchange.match.route) == (name, name, route)
    assert view.exception is None
    resolved = next(span for span in phases.spans(exchange, "django.resolver"))
    assert resolved.fields["route"] == route


def test_the_match_in_full() -> None:
    match = asked("wsgi", "/class/7/word/").match
    assert match is not None
    assert (match.url_name, match.namespaces) == ("class", [])
    assert match.arguments == ["number=7", "token=•••••"]
    match = asked("wsgi", "/nested/inner/").match
    assert match is not None
    assert (match.url_name, match.namespaces) == ("inner", ["shop"])


@pytest.mark.parametrize(
    ("interface", "where", "mode"),
    [
        ("wsgi", "/sync/", "sync"),
        ("asgi", "/sync/", "sync"),
        ("wsgi", "/async/", "async"),
        ("asgi", "/async/", "async"),
        ("asgi", "/async-class/", "async"),
    ],
)
def test_the_views_mode_is_the_projects(interface: str, where: str, mode: str) -> None:
    view = phases.view(asked(interface, where))
    assert view is not None
    assert view.mode == mode


@BOTH
def test_templates_are_told_where_they_are_rendered(interface: str) -> None:
    exchange = asked(interface, "/rendered/")
    (template,) = phases.spans(exchange, "django.template")
    view = phases.view(exchange)
    assert view is not None
    assert view.finished is not None
    assert template.started >= view.finished
    assert template.finished is not None


# Times


@BOTH
def test_parts_add_up(interface: str) -> None:
    for where in ("/sync/", "/sleeping/", "/rendered/", "/lost/", "/raising/"):
        exchange = asked(interface, where, middleware=STARTPROJECT)
        split = exchange.split
        assert split.interface + split.middleware + split.view + split.body == exchange.duration
        assert min(split.interface, split.middleware, split.view, split.body) >= 0


def test_a_view_that_computes_is_running() -> None:
    exchange = asked("wsgi", "/burning/")
    scheduler = exchange.scheduler
    assert scheduler is not None
    assert scheduler.running >= 50 * MS
    assert exchange.split.view >= 50 * MS
    assert exchange.duration is not None
    told = scheduler.running + (scheduler.ready or 0) + scheduler.sleeping
    assert 50 * MS <= told <= exchange.duration


def test_a_view_that_sleeps_is_sleeping() -> None:
    exchange = asked("wsgi", "/sleeping/")
    scheduler = exchange.scheduler
    assert scheduler is not None
    assert scheduler.sleeping >= 45 * MS
    assert scheduler.running < scheduler.sleeping
    assert scheduler.voluntary is None or scheduler.voluntary >= 1


def test_a_view_that_computes_on_the_loop_holds_it() -> None:
    loop = asked("asgi", "/burning-async/").loop
    assert loop is not None
    assert loop.longest_step >= 50 * MS
    assert loop.running >= loop.longest_step


def test_a_view_that_waits_on_the_loop_is_suspended() -> None:
    exchange = asked("asgi", "/waiting/")
    loop = exchange.loop
    assert loop is not None
    assert loop.suspended >= 50 * MS
    assert loop.running + loop.suspended == exchange.duration
    assert loop.steps >= 2


@pytest.mark.parametrize("where", ["/sleeping/", "/waiting/"])
def test_the_loop_is_free_while_a_thread_or_a_timer_is_waited_for(where: str) -> None:
    loop = asked("asgi", where, middleware=STARTPROJECT).loop
    assert loop is not None
    assert loop.suspended >= 50 * MS


# Failures


@BOTH
def test_a_failure_has_the_projects_frames_and_none_of_ours(interface: str) -> None:
    exchange = asked(interface, "/raising/", middleware=STARTPROJECT)
    failure = exchange.failure
    assert failure is not None
    assert (failure.type, failure.message, failure.handled) == ("LookupError", "in a helper", True)
    assert [frame.function for frame in failure.frames if frame.file == __file__] == ["raising", "helper"]
    assert failure.frames[-1].code == 'raise LookupError("in a helper")'
    assert not [frame for frame in failure.frames if "/django_gateway/" in frame.file]
    assert failure.where == "django.view.failed"
    assert exchange.status == 500
    view = phases.view(exchange)
    assert view is not None
    assert view.exception == "LookupError"
    assert [layer.status for layer in phases.middleware(exchange)] == [500] * 7


@BOTH
@pytest.mark.parametrize("where", ["/lost/", "/nowhere/"])
def test_not_found_is_an_event_and_no_failure(interface: str, where: str) -> None:
    exchange = asked(interface, where, middleware=STARTPROJECT)
    assert exchange.status == 404
    assert exchange.failure is None
    told = [event[2:] for event in exchange.trail if event[0] == "django.exception"]
    assert [event[1] for event in told] == [404]
    failed = "django.view.failed" if where == "/lost/" else "django.resolver.failed"
    assert failed in names(exchange)


def test_an_exception_that_a_hook_rescues_is_no_failure_of_the_exchange() -> None:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=["chains.MixinHooks"]), recorded_process() as recorded:
        answered = serve(recorded.wsgi(WSGIHandler()), recorders.environ("/raising/", "rescue=1"))
    assert answered.status == "503 Service Unavailable"
    exchange = recorded.only
    assert exchange.failure is None
    assert "django.view.failed" in names(exchange)
    assert [span.fields["hook"] for span in phases.spans(exchange, "django.hook")] == [
        "process_view",
        "process_exception",
    ]


def test_a_stream_that_breaks_off_is_a_failure_with_status_200() -> None:
    exchange = asked("wsgi", "/streamed/", middleware=STARTPROJECT)
    assert exchange.status == 200
    assert exchange.failure is not None
    assert (exchange.failure.type, exchange.failure.handled) == ("ValueError", False)
    assert exchange.failure.where == "wsgi.body"
    assert exchange.sizes.chunks == 2


# Signals, and where a recording begins


def test_signals_are_told_around_their_receivers() -> None:
    wsgi, asgi = asked("wsgi", "/sync/"), asked("asgi", "/sync/")
    for exchange in (wsgi, asgi):
        told = [span.fields["signal"] for span in phases.spans(exchange, "django.signal")]
        assert told == ["request_started", "request_finished"]


@BOTH
def test_without_a_wrapper_the_handler_begins_the_exchange(interface: str) -> None:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=STARTPROJECT), recorded_process() as recorded:
        if interface == "wsgi":
            answered = serve(WSGIHandler(), recorders.environ("/sync/"))
            assert answered.body == b"sync"
        else:
            connection = asyncio.run(serve_asgi(ASGIHandler(), recorders.scope("/sync/")))
            assert connection.body == b"sync"
    exchange = recorded.only
    assert exchange.vantage == "handler"
    assert exchange.status == 200
    assert len(phases.middleware(exchange)) == 7


def test_a_chain_built_before_the_installation_works_as_it_is() -> None:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=STARTPROJECT):
        handler = WSGIHandler()
        with recorded_process() as recorded:
            assert serve(handler, recorders.environ("/sync/")).body == b"sync"
        assert serve(handler, recorders.environ("/sync/")).body == b"sync"
    assert phases.middleware(recorded.only) == []
    assert phases.view(recorded.only) is not None


def test_the_panels_own_requests_are_not_kept() -> None:
    with override_settings(DEBUG=True, MIDDLEWARE=STARTPROJECT), recorded_process() as recorded:
        answered = serve(recorded.wsgi(WSGIHandler()), recorders.environ("/__gateway__/"))
        assert answered.status is not None
        assert len(recorded) == 0
        serve(recorded.wsgi(WSGIHandler()), recorders.environ("/about/"))
    assert recorded.only.path == "/about/"


def test_events_beyond_the_limit_are_counted() -> None:
    with recorded_process(max_events=50) as recorded:

        def application(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [])
            return [b"x"] * 1_000

        serve(recorded.wsgi(application))
    exchange = recorded.only
    assert 20 <= len(exchange.trail) <= 100
    assert exchange.sizes.chunks == exchange.sizes.body_bytes == 1_000
    assert len(names(exchange, "wsgi.body")) + exchange.sizes.dropped == 1_000
    assert exchange.trail[-1][0] == "wsgi.close"
