"""The view, its route and its times."""

from __future__ import annotations

import pytest

from chains import STARTPROJECT
from django_gateway import phases
from truth import BOTH, MS, asked

pytestmark = pytest.mark.django_db


# The view


@BOTH
@pytest.mark.parametrize(
    ("where", "name", "route"),
    [
        ("/sync/", "chains.view", "sync/"),
        ("/class/7/word/", "truth.ByClass", "class/<int:number>/<slug:token>/"),
        ("/async-class/", "truth.ByAsyncClass", "async-class/"),
        ("/partial/", "chains.view", "partial/"),
        ("/unhashable/", "truth.Unhashable", "unhashable/"),
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


def test_a_blocking_call_in_an_async_view_is_the_longest_step_and_names_its_line() -> None:
    exchange = asked("asgi", "/blocking/", middleware=STARTPROJECT)
    loop = exchange.loop
    assert loop is not None
    assert loop.longest_step >= 500 * MS
    assert loop.running - loop.longest_step < loop.longest_step
    assert [frame.function for frame in loop.stack or []][-2:] == ["blocking", "blocks"]
    assert (loop.stack or [])[-1].code == "time.sleep(0.5)"
    assert (loop.lag or 0) >= 500 * MS


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
