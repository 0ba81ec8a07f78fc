"""The picture of an exchange: reading the trail, and what each lane shows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

import factories
import trails
from django_gateway.exchange import Exchange, Loop
from django_gateway.panel.timeline import picture, read
from django_gateway.panel.timeline.intervals import intersect, subtract, total, union
from pictures import drawn, lane, pieces, worked

MS = trails.MILLISECOND
US = trails.MICROSECOND


# Reading the trail


def test_what_never_ended_ends_with_the_exchange_and_says_so() -> None:
    trail = read(factories.in_flight(), elapsed=5 * MS)
    assert trail.extent == 5 * MS
    view = trail.of("view")[0]
    assert (view.finished, view.ended) == (5 * MS, False)
    assert trail.of("resolver")[0].ended


def test_the_same_middleware_twice_is_two_layers() -> None:
    trail = trails.Trail()
    for _ in range(2):
        trail.wait(10)
        trail.add("django.middleware.started", "a.Twice", "sync")
    for _ in range(2):
        trail.wait(10)
        trail.add("django.middleware.finished", "a.Twice", 200)
    found = read(factories.wsgi_page(trail=trail.events)).of("middleware")
    assert [(span.started, span.finished) for span in found] == [(10 * US, 40 * US), (20 * US, 30 * US)]


def test_threads_have_their_names() -> None:
    origin = trails.ORIGIN
    event = ("crossing.to_thread", origin, "a.view", 7, origin + 10, origin + 20, origin + 40)
    (crossing,) = read(factories.asgi_page(trail=[event], threads={7: "pool_0"})).crossings
    assert (crossing.thread, crossing.ran, crossing.waited, crossing.cost) == (
        "pool_0",
        (10, 20),
        [(0, 10), (20, 40)],
        30,
    )


def test_a_crossing_that_never_arrived() -> None:
    origin = trails.ORIGIN
    event = ("crossing.to_thread", origin, "a.view", None, None, None, origin + 40)
    exchange = factories.asgi_page(trail=[event])
    (crossing,) = read(exchange).crossings
    assert (crossing.ran, crossing.cost) == (None, 40)
    (piece,) = pieces(exchange, "thread-0")
    assert "Never got to run" in piece.text
    assert drawn(exchange).lines == []


def test_unknown_events_are_happenings() -> None:
    trail = read(factories.wsgi_page(trail=[("later.invention", trails.ORIGIN + 5, "x")]))
    assert [(event.name, event.at, event.fields) for event in trail.happenings] == [("later.invention", 5, {})]


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([("http.response.body", 10, 1, True, 11), ("http.disconnect", 20)], 20),
        ([("http.disconnect", 20)], 20),
        ([("http.response.body", 10, 1, False, 11), ("http.disconnect", 20)], None),
        ([("http.response.body", 10, 1, False, 11)], None),
    ],
)
def test_a_disconnect_after_a_complete_answer_says_nothing(events: list[Any], left: int | None) -> None:
    origin = trails.ORIGIN
    trail = [
        (name, at + origin, *(f + origin if type(f) is int and f > 10 else f for f in rest))
        for name, at, *rest in events
    ]
    assert read(factories.stream(trail=trail)).left == left


# Lanes


def test_lanes_of_a_page_under_asgi() -> None:
    lanes = picture(factories.asgi_page(), read(factories.asgi_page())).lanes
    assert [(each.key, each.title) for each in lanes] == [
        ("client", "Client"),
        ("server", "Daphne, loop"),
        ("thread-0", "Worker thread"),
        ("interface", "asgi.py"),
        ("middleware", "Middleware"),
        ("resolver", "URLconf"),
        ("view", "View"),
        ("template", "Template"),
        ("body", "Body"),
    ]
    middleware = next(each for each in lanes if each.key == "middleware")
    assert [row[0].labels for row in middleware.rows] == [
        (name,) for name in ("Security", "Session", "Common", "CsrfView", "Authentication", "Message", "XFrameOptions")
    ]


@pytest.mark.parametrize("make", [factories.wsgi_page, factories.asgi_page, factories.failure])
def test_control_is_in_one_place_at_a_time(make: Callable[[], Exchange]) -> None:
    """The rule of the picture: solid parts of the inner lanes never overlap, and leave no gap but on the way between
    threads and in the server's hands.
    """
    exchange = make()
    keys = ("interface", "middleware", "resolver", "view", "exception", "template")
    whole = [piece for key in keys for piece in pieces(exchange, key)]
    # Hooks and signals are drawn over the work of their layer once more.
    own = [piece for piece in whole if not piece.name.startswith("signal ") and ".process_" not in piece.name]
    works = [interval for piece in own for interval in piece.works]
    for one, other in combinations(works, 2):
        assert max(one[0], other[0]) >= min(one[1], other[1]), (one, other)
    trail = read(exchange)
    waited = trail.waited
    assert intersect(worked(whole), waited) == []
    sent = union((event.at, event.returned) for event in trail.happenings if event.returned is not None)
    end = pieces(exchange, "interface")[0].finished
    assert total(subtract([(0, end)], union([*works, *waited, *sent]))) == 0


def test_the_loop_is_free_while_a_thread_works() -> None:
    exchange = factories.asgi_page()
    (loop,) = pieces(exchange, "server")
    hops = pieces(exchange, "thread-0")
    assert len(hops) == 16
    assert intersect(list(loop.works), worked(hops)) == []
    assert total(loop.works) < total(worked(hops))
    assert "2.10 of 7.35 ms" in loop.text
    assert "18 steps" in loop.text


def test_a_hop_says_where_it_ran_and_what_it_cost() -> None:
    hop = next(piece for piece in pieces(factories.asgi_page(), "thread-0") if piece.path == "shop.views.orders")
    assert hop.text == "Ran in thread asyncio_0 for 2.90 ms; getting there took 0.16 ms, getting back 60 µs."
    (view,) = pieces(factories.asgi_page(), "view")
    assert view.text == "Sync view, 2.90 ms in thread asyncio_0."


def test_async_code_that_mostly_waited_is_not_drawn_as_work() -> None:
    def page(running: int) -> Exchange:
        trail = trails.Trail()
        trail.wait(100)
        trail.add("django.view.started", "shop.views.slow", "async")
        trail.wait(1_000_000)
        trail.add("django.view.finished", "shop.views.slow")
        trail.wait(100)
        loop = Loop(running, trail.now - trails.ORIGIN - running, 4, running)
        return factories.asgi_page(trail=trail.events, ended=trail.now, loop=loop)

    (slept,) = pieces(page(2 * MS), "view")
    assert (slept.works, slept.mixed) == ((), ())
    (half,) = pieces(page(400 * MS), "view")
    assert (half.works, half.mixed) == ((), ((100 * US, 1_000_100 * US),))
    (burnt,) = pieces(page(1_000 * MS), "view")
    assert (burnt.works, burnt.mixed) == (((100 * US, 1_000_100 * US),), ())


def test_failure_stands_where_it_was_raised() -> None:
    view, cross = pieces(factories.failure(), "view")
    assert (cross.form, cross.started, cross.text) == ("failure", view.finished, "division by zero")
    (answer,) = pieces(factories.failure(), "exception")
    assert answer.labels[0] == "ZeroDivisionError → 500"
    assert answer.finished - answer.started == 2_400 * US


def test_many_threads_share_a_lane() -> None:
    origin = trails.ORIGIN
    trail = [
        ("crossing.to_thread", origin + n * 10, "a.b", n, origin + n * 10 + 1, origin + n * 10 + 2, origin + n * 10 + 3)
        for n in range(9)
    ]
    exchange = factories.asgi_page(trail=trail, threads={n: f"pool_{n}" for n in range(9)})
    lanes = [each for each in picture(exchange, read(exchange)).lanes if each.key.startswith("thread")]
    assert [each.subtitle for each in lanes] == ["9 hops · 9 threads"]


def test_lanes_of_a_websocket_have_both_directions() -> None:
    exchange = factories.websocket()
    assert lane(exchange, "received").subtitle == "14 messages"
    assert lane(exchange, "sent").subtitle == "22 messages"
    assert [piece.name for piece in pieces(exchange, "received")[:2]] == ["connect", "received"]
    assert pieces(exchange, "received")[-1].text == "It is over, code 1001."


def test_an_interruption_is_marked() -> None:
    assert pieces(factories.interrupted(), "server")[-1].form == "failure"
    assert drawn(factories.interrupted()).now is not None
