"""What follows from a trail: pure functions over small trails, whose every number can be read off."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import factories
from django_gateway import cut_short, phases
from django_gateway.events import EVENT_FIELDS, INSTANT_FIELDS
from django_gateway.exchange import Exchange
from trails import ORIGIN


def told(*events: tuple[Any, ...], ended: int | None = 1_000, **changes: Any) -> Exchange:
    """An exchange with these events; their instants, and those among their fields, count from its beginning."""
    trail = []
    for name, at, *values in events:
        fields = EVENT_FIELDS.get(name, ())
        shifted = [
            value + ORIGIN if field in INSTANT_FIELDS and value is not None else value
            for field, value in zip(fields, values, strict=True)
        ]
        trail.append([name, at + ORIGIN, *shifted])
    end = None if ended is None else ORIGIN + ended
    return msgspec.structs.replace(factories.wsgi_page(), trail=trail, ended=end, threads={7: "worker_0"}, **changes)


def middleware(name: str, started: int, finished: int | None, status: int = 200) -> list[tuple[Any, ...]]:
    events: list[tuple[Any, ...]] = [("django.middleware.started", started, name, "sync")]
    if finished is not None:
        events.append(("django.middleware.finished", finished, name, status))
    return events


ONION = [
    *middleware("outer", 100, 900),
    *middleware("inner", 200, 800),
    ("django.resolver.started", 300),
    ("django.resolver.finished", 320, "a/"),
    ("django.view.started", 400, "shop.view", "sync"),
    ("django.view.finished", 600, "shop.view"),
]


# Happenings


def test_happenings_are_in_the_order_of_time_with_names_for_everything() -> None:
    exchange = told(
        ("django.view.started", 300, "shop.view", "async"),
        ("crossing.to_thread", 100, "f", 7, 150, 250, 280),
        ("http.response.start", 50, 200, None),
    )
    first, second, third = phases.happenings(exchange)
    assert (first.name, first.at, first.fields) == ("http.response.start", 50, {"status": 200, "returned": None})
    assert second.fields == {"function": "f", "thread": 7, "entered": 150, "left": 250, "returned": 280}
    assert third.fields == {"view": "shop.view", "mode": "async"}


def test_events_of_no_known_name_are_told_by_it() -> None:
    (happening,) = phases.happenings(told(("unheard.of", 5)))
    assert (happening.name, happening.at, happening.fields) == ("unheard.of", 5, {})


# The onion


def test_each_layer_has_its_own_time() -> None:
    outer, inner = phases.middleware(told(*ONION))
    assert (outer.name, outer.depth, outer.started, outer.finished) == ("outer", 0, 100, 900)
    # From its start to the next layer's, and from that one's end to its own.
    assert (outer.before, outer.after, outer.own) == (100, 100, 200)
    # The innermost has the resolver and the view inside it.
    assert (inner.before, inner.after, inner.own) == (100, 200, 300)
    assert (inner.mode, inner.status) == ("sync", 200)


def test_a_layer_that_answers_itself_has_it_all_on_the_way_in() -> None:
    (layer,) = phases.middleware(told(*middleware("alone", 100, 400, 403)))
    assert (layer.before, layer.after, layer.status) == (300, 0, 403)


def test_the_same_middleware_twice_is_two_layers() -> None:
    exchange = told(*middleware("twice", 100, 900), *middleware("twice", 200, 800))
    outer, inner = phases.middleware(exchange)
    assert (outer.started, outer.finished) == (100, 900)
    assert (inner.started, inner.finished) == (200, 800)


def test_layers_in_flight_have_no_end() -> None:
    exchange = told(
        *middleware("outer", 100, None),
        *middleware("inner", 200, None),
        ("django.view.started", 400, "shop.view", "sync"),
        ended=None,
        state="in_flight",
    )
    outer, inner = phases.middleware(exchange)
    assert (outer.finished, outer.before, outer.after) == (None, 100, 0)
    assert (inner.finished, inner.before, inner.after) == (None, 200, 0)


def test_no_layer_no_onion() -> None:
    assert phases.middleware(told()) == []


# Crossings


def test_a_crossing_and_who_made_it() -> None:
    exchange = told(*ONION, ("crossing.to_thread", 410, "shop.view", 7, 450, 550, 590))
    (crossing,) = phases.crossings(exchange)
    assert (crossing.direction, crossing.function, crossing.thread) == ("to_thread", "shop.view", "worker_0")
    assert (crossing.started, crossing.entered, crossing.left, crossing.returned) == (410, 450, 550, 590)
    assert (crossing.waited, crossing.ran) == (80, 100)
    assert crossing.caller == "shop.view"


@pytest.mark.parametrize(
    ("at", "caller"), [(50, None), (150, "outer"), (250, "inner"), (450, "shop.view"), (850, "outer")]
)
def test_the_caller_is_the_innermost_at_work(at: int, caller: str | None) -> None:
    exchange = told(*ONION, ("crossing.to_loop", at, "f", 7, at + 1, at + 2, at + 3))
    (crossing,) = phases.crossings(exchange)
    assert (crossing.direction, crossing.caller) == ("to_loop", caller)


def test_a_hook_counts_as_its_middleware() -> None:
    exchange = told(
        *ONION,
        ("django.hook.started", 330, "outer", "process_view"),
        ("django.hook.finished", 360, "outer", "process_view"),
        ("crossing.to_thread", 340, "f", 7, 341, 342, 343),
    )
    (crossing,) = phases.crossings(exchange)
    assert crossing.caller == "outer"


def test_a_crossing_that_never_arrived_ran_for_no_time() -> None:
    (crossing,) = phases.crossings(told(("crossing.to_thread", 100, "f", None, None, None, 300)))
    assert (crossing.ran, crossing.waited, crossing.thread, crossing.entered) == (0, 200, None, None)


# The view


def test_the_view() -> None:
    view = phases.view(told(*ONION))
    assert view is not None
    assert (view.name, view.mode, view.started, view.finished, view.exception) == ("shop.view", "sync", 400, 600, None)


def test_a_view_that_failed_says_with_what() -> None:
    exchange = told(
        ("django.view.started", 400, "shop.view", "async"), ("django.view.failed", 600, "shop.view", "ValueError")
    )
    view = phases.view(exchange)
    assert view is not None
    assert (view.finished, view.exception) == (600, "ValueError")


def test_of_several_views_the_first() -> None:
    """A view that asks Django for another one: the inner ends first."""
    exchange = told(
        ("django.view.started", 100, "outer", "sync"),
        ("django.view.started", 200, "inner", "sync"),
        ("django.view.finished", 300, "inner"),
        ("django.view.finished", 400, "outer"),
    )
    view = phases.view(exchange)
    assert view is not None
    assert (view.name, view.finished) == ("outer", 400)


def test_no_view_no_view() -> None:
    assert phases.view(told()) is None


# Any trail


AT = st.integers(0, 2_000)
NAMES = st.sampled_from(["a", "b"])
EVENT = st.one_of(
    st.tuples(st.just("django.middleware.started"), AT, NAMES, st.just("sync")),
    st.tuples(st.just("django.middleware.finished"), AT, NAMES, st.just(200)),
    st.tuples(st.just("django.hook.started"), AT, NAMES, NAMES),
    st.tuples(st.just("django.hook.finished"), AT, NAMES, NAMES),
    st.tuples(st.just("django.view.started"), AT, NAMES, st.just("async")),
    st.tuples(st.just("django.view.finished"), AT, NAMES),
    st.tuples(st.just("django.view.failed"), AT, NAMES, st.just("ValueError")),
    st.tuples(st.just("django.resolver.started"), AT),
    st.tuples(st.just("crossing.to_thread"), AT, NAMES, st.sampled_from([7, 8, None]), AT, AT, AT),
)


@given(st.lists(EVENT, max_size=15), st.none() | AT)
def test_whatever_was_lost_or_cut_off_nothing_breaks(events: list[tuple[Any, ...]], ended: int | None) -> None:
    """Events may be missing at either end: over the limit, in flight, seen from a middleware."""
    exchange = told(*events, ended=ended)
    for layer in phases.middleware(exchange):
        assert layer.finished is None or layer.finished >= layer.started
    for crossing in phases.crossings(exchange):
        assert crossing.waited + crossing.ran == crossing.returned - crossing.started
    for span in phases.spans(exchange):
        assert span.finished is None or span.finished >= span.started
    phases.view(exchange)
    assert len(phases.happenings(exchange)) == len(events)


@pytest.mark.parametrize("make", factories.EVERY_KIND, ids=lambda make: str(make.__name__))
def test_every_kind_of_exchange(make: Any) -> None:
    exchange = make()
    layers = phases.middleware(exchange)
    assert [layer.depth for layer in layers] == list(range(len(layers)))
    assert all(layer.before >= 0 and layer.after >= 0 for layer in layers)
    assert len(phases.crossings(exchange)) == exchange.sizes.crossings


def test_events_are_chosen_before_they_are_read() -> None:
    exchange = factories.websocket(received=200, sent=300)
    received = phases.happenings(exchange, lambda event: event[0] == "websocket.receive")
    assert received == [each for each in phases.happenings(exchange) if each.name == "websocket.receive"]
    assert len(received) == 200
    # Of a conversation that went well, nothing has to be read to know that it was not cut short.
    assert phases.happenings(exchange, cut_short._matters) == []
