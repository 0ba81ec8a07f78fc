"""The onion of middleware as it was gone through, and each change between loop and thread."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

import chains
from chains import LISTS, STARTPROJECT
from django_gateway import phases
from truth import BOTH, MS, asked

pytestmark = pytest.mark.django_db


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
    (crossing,) = (c for c in phases.crossings(exchange) if c.function == "truth.raising")
    assert crossing.left is not None
    assert exchange.failure is not None
