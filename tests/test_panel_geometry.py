"""The numbers under the picture of an exchange: intervals, ticks, and where everything stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import factories
import trails
from django_gateway.exchange import Exchange, Match
from django_gateway.panel.timeline import Timeline, read, timeline
from django_gateway.panel.timeline.collapse import MOST, collapse, gather
from django_gateway.panel.timeline.intervals import Interval, intersect, subtract, total, union
from django_gateway.panel.timeline.labels import WIDTH, Stretch, inside_or_beside, text_width
from django_gateway.panel.timeline.pieces import Lane, Picture, Piece
from django_gateway.panel.timeline.ticks import step, ticks
from django_gateway.panel.units import duration, milliseconds, share, size
from pictures import drawn, pieces, worked

MS = trails.MILLISECOND


# Intervals

spans_of_time = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


def instants(intervals: Iterable[Interval]) -> set[int]:
    return {at for start, end in intervals for at in range(start, end)}


@given(spans_of_time, spans_of_time)
def test_intervals_are_sets_of_instants(first: list[Interval], second: list[Interval]) -> None:
    ones, others = union(first), union(second)
    assert instants(ones) == instants(first)
    assert all(before[1] < after[0] for before, after in pairwise(ones))
    assert instants(subtract(ones, others)) == instants(first) - instants(second)
    assert instants(intersect(ones, others)) == instants(first) & instants(second)
    assert total(ones) == len(instants(first))


# The axis


@given(st.integers(0, 40 * 24 * 3600 * 10**9), st.integers(1, 130))
def test_ticks_are_few_round_and_different(extent: int, most: int) -> None:
    found = ticks(extent, most)
    assert found[0] == (0, "0")
    assert len(found) <= most + 1
    assert found[-1].at <= extent
    assert len({tick.label for tick in found}) == len(found)
    assert len({after.at - before.at for before, after in pairwise(found)}) <= 1


@pytest.mark.parametrize(
    ("extent", "labels"),
    [
        (14_200_000, ["0", "2 ms", "4 ms", "6 ms", "8 ms", "10 ms", "12 ms", "14 ms"]),
        (3_500_000, ["0", "0.5 ms", "1 ms", "1.5 ms", "2 ms", "2.5 ms", "3 ms", "3.5 ms"]),
        (800, ["0", "100 ns", "200 ns", "300 ns", "400 ns", "500 ns", "600 ns", "700 ns", "800 ns"]),
        (38_000_000_000, ["0", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s", "35 s"]),
        (90_000_000_000, ["0", "0:15 min", "0:30 min", "0:45 min", "1:00 min", "1:15 min", "1:30 min"]),
        (3 * 3_600_000_000_000, ["0", "0:30:00", "1:00:00", "1:30:00", "2:00:00", "2:30:00", "3:00:00"]),
        (1, ["0", "1 ns"]),
    ],
)
def test_an_axis_has_one_unit(extent: int, labels: list[str]) -> None:
    expected = [label if label != "0:30:00" else "30:00 min" for label in labels]
    assert [tick.label for tick in ticks(extent)] == expected


@given(st.integers(1, 10**17), st.integers(1, 100))
def test_a_step_is_enough_and_not_too_long(extent: int, most: int) -> None:
    width = step(extent, most)
    assert width * most >= extent
    # 2 to 5 and 5 to 10 minutes are the widest gaps, and below a nanosecond there is nothing.
    assert width == 1 or width * most <= 3 * extent + 3 * most or width >= 24 * 3600 * 10**9


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (0, "0 ms"),
        (999, "< 1 µs"),
        (80_000, "80 µs"),
        (210_000, "0.21 ms"),
        (14_234_000, "14.2 ms"),
        (999_400_000, "999 ms"),
        (999_600_000, "1.00 s"),
        (38_000_000_000, "38.0 s"),
        (125_000_000_000, "2 min 5 s"),
        (7_260_000_000_000, "2 h 1 min"),
        (-80_000, "−80 µs"),
    ],
)
def test_durations_in_words(nanoseconds: int, words: str) -> None:
    assert duration(nanoseconds) == words


def test_shares_sizes_and_columns() -> None:
    assert share(6_400_000, 14_200_000) == "6.40 of 14.2 ms"
    assert share(80_000, 14_200_000) == "80 µs of 14.2 ms"
    assert [size(count) for count in (1, 145, 2_400, 18_204, 6_000_000)] == [
        "1 byte",
        "145 bytes",
        "2.4 KB",
        "18 KB",
        "6.0 MB",
    ]
    assert [milliseconds(at) for at in (0, 70_000, 14_200_000, 30_012_400_000)] == [
        "0.000",
        "0.070",
        "14.200",
        "30,012",
    ]


# Where everything stands


@pytest.mark.parametrize("make", factories.EVERY_KIND)
def test_everything_is_inside_the_plot(make: Callable[[], Exchange]) -> None:
    found = drawn(make(), elapsed=3 * MS)
    for shape in found.shapes:
        assert 0 <= shape.x <= 100
        assert shape.width >= 0
        assert shape.x + shape.width <= 100.001
        assert 0 < shape.y < shape.y + shape.height < found.height
        for part in (*shape.works, *shape.mixed):
            assert shape.x - 0.001 <= part.x
            assert part.end <= shape.x + shape.width + 0.001
    assert found.rules == sorted(set(found.rules))
    assert len(found.names) == len(found.rules)
    assert {mark.level for mark in found.marks} == {1, 4, 16}


@pytest.mark.parametrize("make", factories.EVERY_KIND)
def test_labels_have_room_and_never_meet(make: Callable[[], Exchange]) -> None:
    assert_labels_apart(drawn(make(), elapsed=3 * MS))


def assert_labels_apart(found: Timeline) -> None:
    rows: dict[int, list[Stretch]] = {}
    for shape in found.shapes:
        visible = [label for label in shape.labels if label.visible]
        assert len(visible) <= 1
        for label in visible:
            assert label.need <= label.room * WIDTH / 100
            rows.setdefault(shape.y, []).append(label.taken)
            assert label.taken.x >= -0.01
            assert label.taken.end <= 100.01
            if label.on == "ground":
                for other in found.shapes:
                    if other.y == shape.y and other is not shape and other.width:
                        assert label.taken.end <= other.x + 0.01 or label.taken.x >= other.x + other.width - 0.01
    for taken in rows.values():
        for one, two in combinations(taken, 2):
            assert one.end <= two.x + 0.01 or two.end <= one.x + 0.01


row_of_pieces = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 300), st.integers(0, 40)), min_size=1, max_size=12
)


@settings(max_examples=200)
@given(row_of_pieces)
def test_labels_never_meet_whatever_the_row(row: list[tuple[int, int, int]]) -> None:
    at = 0
    made = []
    for gap, length, letters in row:
        works = ((at + gap, at + gap + length // 2),) if length > 1 else ()
        made.append(
            Piece(at + gap, at + gap + length, "view", "x", labels=("m" * letters, "m" * (letters // 3)), works=works)
        )
        at += gap + length
    assert_labels_apart(timeline(Picture(at, [Lane("view", "view", "View", rows=[made])])))


def test_a_label_goes_where_there_is_room() -> None:
    whole = Stretch(10, 80)
    (inside,) = inside_or_beside(["orders"], whole, [Stretch(10, 10)], [])
    assert (inside.on, inside.x, inside.anchor) == ("pale", 20, "start")
    (solid,) = inside_or_beside(["orders"], whole, [whole], [])
    assert (solid.on, solid.x) == ("solid", 10)
    (right,) = inside_or_beside(["orders"], Stretch(10, 1), [], [Stretch(60, 5)])
    assert (right.on, right.x, right.anchor) == ("ground", 11, "start")
    (left,) = inside_or_beside(["orders"], Stretch(96, 2), [], [])
    assert (left.on, left.x, left.anchor) == ("ground", 96, "end")
    (nowhere,) = inside_or_beside(["orders"], Stretch(10, 1), [], [Stretch(0, 10), Stretch(11, 5)])
    assert not nowhere.visible
    longer, shorter = inside_or_beside(["shop.views.orders", "orders"], Stretch(0, 12), [], [Stretch(12, 88)])
    assert (longer.visible, shorter.visible) == (False, True)
    assert text_width("日本") > text_width("ab")


@pytest.mark.parametrize("length", [1, 900, 40 * 24 * 3600 * 10**9])
def test_very_short_and_very_long_exchanges(length: int) -> None:
    origin = trails.ORIGIN
    trail = [("django.view.started", origin, "a.view", "sync"), ("django.view.finished", origin + length, "a.view")]
    found = drawn(factories.wsgi_page(trail=trail, ended=origin + length))
    shape = next(shape for shape in found.shapes if shape.lane == "view")
    assert (shape.x, round(shape.width)) == (0, 98)
    assert found.marks


def test_an_exchange_without_any_event() -> None:
    for exchange in (factories.wsgi_page(trail=[]), factories.wsgi_page(trail=[], ended=None, state="in_flight")):
        assert {shape.lane for shape in drawn(exchange).shapes} == {"client", "server", "interface"}


def test_in_flight_goes_up_to_now() -> None:
    exchange = factories.in_flight()
    found = drawn(exchange, elapsed=12_000 * MS)
    view = next(shape for shape in found.shapes if shape.lane == "view")
    assert view.when == "Since 0.35 ms"
    assert found.now is not None
    assert view.x + view.width == pytest.approx(found.now)
    assert drawn(factories.wsgi_page()).now is None


def test_links_lead_from_the_loop_to_what_ran() -> None:
    found = drawn(factories.asgi_page())
    assert len(found.lines) == 32
    session = next(shape for shape in found.shapes if shape.piece.name == "SessionMiddleware")
    crossing = next(
        hop
        for hop in pieces(factories.asgi_page(), "thread-0")
        if hop.path.endswith("SessionMiddleware.process_request")
    )
    ends = [line for line in found.lines if line.bottom == session.y + session.height // 2]
    assert len(ends) == 4
    assert ends[0].x == pytest.approx(100 * crossing.works[0][0] / (7_350_000 * 1.02), abs=0.01)


def test_two_thousand_events_are_drawn_together() -> None:
    trail = trails.Trail()
    trail.sent("http.response.start", 200)
    for _ in range(2_000):
        trail.wait(500)
        trail.sent("http.response.body", 1_000, True)
    trail.add("asgi.cancelled")
    found = drawn(factories.stream(trail=trail.events, ended=trail.now))
    body = [shape for shape in found.shapes if shape.lane == "body"]
    assert len(body) <= MOST + 3
    assert any("9 × chunk, 9.0 KB in all." in shape.piece.text for shape in body)
    assert sum(shape.piece.form == "failure" for shape in body) == 1


def test_two_thousand_templates_are_drawn_together() -> None:
    trail = trails.Trail()
    for number in range(2_000):
        trail.wait(5)
        trail.add("django.template.started", f"a{number % 3}.html")
        trail.wait(5)
        trail.add("django.template.finished", f"a{number % 3}.html")
    found = drawn(factories.wsgi_page(trail=trail.events, ended=trail.now))
    templates = [shape for shape in found.shapes if shape.lane == "template"]
    assert len(templates) <= MOST + 1
    assert "a0.html" in templates[0].piece.text


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 3_000), st.booleans()), min_size=250, max_size=400))
@settings(max_examples=30, deadline=None)
def test_collapsing_loses_no_time_and_no_failure(made: list[tuple[int, int, bool]]) -> None:
    row = [
        Piece(
            start,
            start + length,
            "body",
            "x",
            works=((start, start + length),) if length else (),
            form="failure" if bad and not length else "span",
        )
        for start, length, bad in sorted(made)
    ]
    together = collapse(row, 10_000)
    assert instants(worked(row)) <= instants(worked(together))
    assert sum(p.form == "failure" for p in together) == sum(p.form == "failure" for p in row)
    assert collapse(row[:100], 10_000) == row[:100]


def test_few_events_are_not_gathered() -> None:
    events = read(factories.stream()).named("http.response.body")
    assert len(gather(events, 10**9, lambda event: Piece(event.at, event.at, "body", "x"))) == 31


def test_recorded_names_are_made_harmless_and_short() -> None:
    evil = "\u202eevil\x1b" * 40
    found = drawn(factories.hostile(evil, match=Match(evil, evil, None, [], [])))
    texts = [name.title + name.subtitle + name.whole for name in found.names]
    texts += [label.text for shape in found.shapes for label in shape.labels]
    assert all(text.isprintable() for text in texts)
    assert all(len(label.text) < 100 for shape in found.shapes for label in shape.labels)
