"""The compiled end of a recording beside the Python one: the same row, the same bytes, the same slot."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_gateway import blackbox, facts, native, recording
from django_gateway.blackbox import UNMARKED, BlackBox
from django_gateway.clocks import Steps
from django_gateway.exchange import Close, Failure, Frame, Handover, Match, Scheduler
from django_gateway.recording import Recorder, Recording
from django_gateway.stores import Capacity, arrivals, sql
from django_gateway.stores.encoding import encode
from django_gateway.stores.sqlite import SQLiteStore
from django_gateway.vocabulary import Vocabulary

pytestmark = pytest.mark.skipif(native.core is None, reason="the compiled module is not built")


class Text(str):
    """As Django's SafeString is."""

    __slots__ = ()


class Number(int):
    pass


EDGES = [sign * 2**power + by for power in (0, 5, 7, 8, 15, 16, 31, 32, 62) for by in (-1, 0, 1) for sign in (1, -1)]
INTEGERS = st.one_of(st.sampled_from([*EDGES, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]), st.integers(-(2**63), 2**64 - 1))
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "é", "日本" * 20, "x" * 31, "x" * 32, "x" * 255, "x" * 256, "ü" * 128]),
)
ODD = st.one_of(
    st.builds(Text, TEXTS),
    st.builds(Number, st.integers(0, 99)),
    st.just(object),
    st.binary(max_size=9),
    st.just(frozenset({1})),
    st.complex_numbers(),
    st.just({(1, 2): 3, None: 4, Text("a"): 5}),
)
PLAIN = st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False), TEXTS, ODD)
DATA = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=20),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(TEXTS, st.integers()), inner, max_size=18),
    ),
    max_leaves=12,
)
COUNTS = st.integers(0, 2**40)
FRAMES = st.lists(st.builds(Frame, TEXTS, COUNTS, TEXTS, TEXTS), max_size=2)
MAYBE = st.one_of(st.none(), TEXTS)

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "method": MAYBE,
    "query": TEXTS,
    "request_id": MAYBE,
    "status": st.one_of(st.none(), st.integers(-5, 70_000), st.builds(Number, st.integers(100, 599))),
    "client": MAYBE,
    "descriptor": st.one_of(st.none(), st.integers(0, 300)),
    "server": st.tuples(MAYBE, MAYBE),
    "handover": st.one_of(st.none(), st.builds(Handover, TEXTS, st.lists(DATA, max_size=40))),
    "match": st.one_of(
        st.none(), st.builds(Match, TEXTS, TEXTS, MAYBE, st.lists(TEXTS, max_size=2), st.lists(TEXTS, max_size=2))
    ),
    "headers": st.one_of(st.none(), st.lists(DATA, max_size=5)),
    "trail": st.lists(DATA, max_size=30),
    "failure": st.one_of(st.none(), st.builds(Failure, TEXTS, TEXTS, FRAMES, MAYBE, st.booleans())),
    "scheduler": st.one_of(st.none(), st.builds(Scheduler, COUNTS, COUNTS, COUNTS, st.none(), COUNTS)),
    "close": st.one_of(st.none(), st.builds(Close, COUNTS, TEXTS, TEXTS)),
    "returned": st.one_of(st.none(), COUNTS),
    "unseen": st.one_of(st.none(), st.lists(TEXTS, max_size=2)),
    "threads": st.one_of(st.none(), st.dictionaries(COUNTS, TEXTS, max_size=2)),
    **dict.fromkeys(("bytes_in", "bytes_out", "chunks", "received", "sent", "crossings", "dropped"), COUNTS),
    **dict.fromkeys(("view_time", "middleware_time"), COUNTS),
}


def recorded(submit: Callable[[Recording], None] = lambda recording: None, /, **fields: Any) -> Recording:
    made = Recording(Recorder(submit), "wsgi", "http", "wrapper", fields.pop("path", "/a/"))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def outcome(pack: Callable[[], Any]) -> Any:
    try:
        return pack()
    except Exception as error:
        return type(error), str(error)


def in_python(made: Recording) -> Any:
    return arrivals.pack(made.exchange())


def unpacked(packed: Any) -> tuple[Any, ...]:
    assert len(packed) == 2
    (found,) = arrivals.unpack(arrivals.joined([packed]))
    assert found[0] == packed[0]
    return found


def same(made: Recording) -> bool:
    """Whether C packed it; what it packed is compared."""
    packed = native.core.pack(made)
    if packed is NotImplemented:
        return False
    in_c, expected = unpacked(packed), unpacked(in_python(made))
    assert in_c == expected
    assert [type(value) for value in in_c[2]] == [type(value) for value in expected[2]]
    return True


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS), TEXTS)
def test_the_row_and_the_record_are_those_of_the_exchange(fields: dict[str, Any], path: str) -> None:
    made = recorded(path=path, **fields)
    made.finish()
    if not same(made):
        # Not for what is right: Python can't pack it either.
        assert isinstance(outcome(lambda: in_python(made))[0], type)


def test_every_field_at_once() -> None:
    steps = Steps()
    steps.running, steps.count, steps.held_up_by = 5, 7, [1, 2**40]
    frame = Frame("a.py", 3, "f", "f()")
    steps.stack = ([frame], [9])
    made = recorded(
        path="/ü",
        steps=steps,
        handover=Handover("environ", [300, "a", ("b", "c"), ["headers", [301, ("d", "é")]]]),
        match=Match("a/", "b.c", None, ["n"], ["1"]),
        headers=[302, ("x", "y")],
        failure=Failure("ValueError", "no", [frame], "view.called", False),
        scheduler=Scheduler(1, None, 2, 3, 4),
        close=Close(1000, "client", ""),
        unseen=["the body"],
        threads={2**46: "one"},
        trail=[1, 2**45, "200 OK", True, 2.5, None],
        returned=1,
        view_time=2,
        middleware_time=9,
        request_id="abc",
        descriptor=7,
        server=("gunicorn", None),
        status=200,
        bytes_in=300,
    )
    facts.tell("native", {"a": 1})
    made.finish()
    assert made.failure is not None
    assert same(made)


COLUMNS = f"{sql.COLUMNS}, request_id, typeof(received), typeof(exception), typeof(request_id), typeof(split_process)"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                **{
                    name: FIELDS[name] for name in ("method", "status", "client", "match", "failure", "server", "trail")
                },
                "request_id": st.sampled_from([None, "", "abc"]),
                "received": st.sampled_from([0, 3]),
                "dropped": st.sampled_from([0, 3]),
                "bytes_in": COUNTS,
            },
        ),
        max_size=90,
    )
)
def test_a_store_holds_the_same_whoever_packed(tmp_path_factory: pytest.TempPathFactory, drawn: list[Any]) -> None:
    made = [recorded(path=f"/{number}", **fields) for number, fields in enumerate(drawn)]
    for number, each in enumerate(made):
        each.id += number << 32
        each.finish()
    every_day = recorded(path="/of-every-day")
    every_day.finish()
    held = []
    folder = tmp_path_factory.mktemp("stores")
    made = [each for each in made if native.core.pack(each) is not NotImplemented]
    ways: list[Callable[[Recording], Any]] = [
        lambda each: (each.id, bytearray(encode(each.exchange())), sql.values(each.exchange()), None),
        in_python,
        native.core.pack,
    ]
    for number, pack in enumerate(ways):
        path = folder / f"{number}.db"
        store = SQLiteStore(path, Capacity())
        store.write([pack(each) for each in [*made, every_day]])
        assert store.statistics().exchanges == len(made) + 1
        store.close()
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(f"SELECT {COLUMNS} FROM exchange ORDER BY id").fetchall()
            held.append((rows, connection.execute("SELECT * FROM record ORDER BY id").fetchall()))
    assert held[0] == held[1] == held[2]
    assert len(held[0][0]) == len(made) + 1


@pytest.mark.parametrize("count", [0, 15, 16, 65_535, 65_536])
def test_lengths_at_which_heads_change(count: int) -> None:
    made = recorded(trail=list(range(count)), threads=dict.fromkeys(range(min(count, 70_000)), "t"), query="q" * count)
    made.finish()
    assert same(made)


@pytest.mark.parametrize(
    "fields",
    [
        {"query": "\ud800"},
        {"trail": [2**64]},
        {"trail": [-(2**63) - 1]},
        {"unseen": ("a",)},
        {"match": "not a match"},
        {"server": ["a", "b"]},
        {"returned": 2**70},
    ],
)
def test_what_is_not_of_every_day_is_left_to_python(fields: dict[str, Any]) -> None:
    made = recorded(**fields)
    made.finish()
    assert native.core.pack(made) is NotImplemented


def test_what_is_in_flight_or_another_kind_of_recording_is_left_to_python() -> None:
    class Other(Recording):
        pass

    assert native.core.pack(recorded()) is NotImplemented
    other = Other(Recorder(lambda recording: None), "cgi", "http", "wrapper", "/")
    other.finish()
    assert native.core.pack(other) is NotImplemented
    assert native.core.pack("no recording") is NotImplemented


def test_deep_data_and_what_holds_itself() -> None:
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    made = recorded(trail=deep)
    made.finish()
    assert same(made)
    endless: list[Any] = []
    endless.append(endless)
    made = recorded(headers=endless)
    made.finish()
    assert native.core.pack(made) is NotImplemented
    made = recorded()
    made.finish()
    assert same(made)


def test_a_thread_is_named_as_it_is_called_now() -> None:
    class Named(threading.Thread):
        @property
        def name(self) -> str:
            return "by a property"

        @name.setter
        def name(self, name: str) -> None:
            pass

    made: list[Recording] = []

    def work() -> None:
        made.append(recorded())
        made[-1].finish()

    for thread in (threading.Thread(target=work, name="a worker"), Named(target=work)):
        thread.start()
        thread.join()
    assert [each.thread.name for each in made if each.thread] == ["a worker", "by a property"]
    assert all(same(each) for each in made)
    assert made[0].thread is not None
    made[0].thread.name = "renamed"
    assert same(made[0])
    assert b"renamed" in native.core.pack(made[0])[1]


def test_many_threads_pack_at_once() -> None:
    class Slow:
        """Its type's name is asked for by Python code, in which other threads may run."""

    made = [recorded(trail=[number, Slow(), "x" * number]) for number in range(200)]
    for each in made:
        each.finish()
    wrong: list[Any] = []

    def work() -> None:
        for each in made:
            packed = native.core.pack(each)
            if packed is not NotImplemented and unpacked(packed) != unpacked(in_python(each)):
                wrong.append(each)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# begun and finish


class Watched:
    """A recorder whose steps are written down."""

    def __init__(self, folder: Path | None) -> None:
        self.steps: list[Any] = []
        vocabulary = Vocabulary()
        self.box = None if folder is None else BlackBox(folder, vocabulary, lambda path: None)
        self.recorder = Recorder(self._submit, box=self.box, watch=lambda: self.steps.append("watch"))

    def _submit(self, made: Recording) -> None:
        self.steps.append((made.done, made.id in self.recorder.in_flight, made.mark is UNMARKED, len(made.trail)))


@pytest.mark.parametrize("boxed", [True, False])
@pytest.mark.parametrize("discarded", [True, False])
def test_a_recording_begins_and_ends_as_in_python(tmp_path: Path, boxed: bool, discarded: bool) -> None:
    told: list[tuple[Any, ...]] = []
    for begun, finish in ((Recording.begun, Recording.finish), (recording._begun, recording._finish)):
        watched = Watched(tmp_path / f"box{len(told)}" if boxed else None)
        made = Recording(watched.recorder, "wsgi", "http", "wrapper", "/a")
        made.at_end = [lambda each: each.add((1, 2)), lambda each: each.add((len(each.trail), each.done))]
        begun(made)
        assert watched.recorder.in_flight == {made.id: made}
        marked = made.mark is not UNMARKED
        made.discard = discarded
        assert finish(made) is None
        finish(made)
        made.trail += (1, 2)
        assert made.home == threading.get_ident()
        told.append(
            (
                watched.steps,
                marked,
                made.thread,
                made._finished_trail,
                list(made.trail),
                made.at_end,
                made.done,
                made.ended >= made.started,
                watched.recorder.in_flight,
            )
        )
    assert told[0] == told[1]
    assert told[0][1] is boxed


def test_what_goes_wrong_in_the_end_is_said_to_the_caller_as_in_python() -> None:
    def refuse(made: Recording) -> None:
        raise ValueError("no")

    for finish in (Recording.finish, recording._finish):
        made = recorded(refuse)
        with pytest.raises(ValueError, match="no"):
            finish(made)
        assert made.done


# The black box


def slot(made: Recording) -> bytes:
    return bytes(made.mark)


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(TEXTS, TEXTS, TEXTS),
    st.one_of(st.none(), TEXTS, st.just(Text("GET"))),
    st.one_of(TEXTS, st.text(st.characters(), max_size=300), st.just("\ud800/\udfff")),
)
def test_a_slot_says_what_it_says_in_python(names: tuple[str, str, str], method: str | None, path: str) -> None:
    interface, kind, vantage = names
    box = BlackBox(Path("/nowhere"), Vocabulary(), lambda folder: None)
    made = Recording(Recorder(lambda recording: None), interface, kind, vantage, path)
    made.method = method
    told = []
    for enter, leave in ((BlackBox.enter, BlackBox.leave), (blackbox._enter, blackbox._leave)):
        memory = memoryview(bytearray(b"x" * blackbox.SLOT)).cast(blackbox.ITEM)
        box._free = [memory]
        enter(box, made)
        assert made.mark is memory
        assert box._free == []
        told.append(slot(made))
        leave(box, made)
        assert made.mark is UNMARKED
        assert memory[blackbox.ID] == 0
        assert box._free == [memory]
        leave(box, made)
        assert len(box._free) == 1
    assert told[0] == told[1]


def test_slots_come_from_a_file_and_are_used_again(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "box")
    first, second = (Recording(watched.recorder, "wsgi", "http", "wrapper", "/") for _ in range(2))
    first.begun()
    second.begun()
    one, other = first.mark, second.mark
    assert one[blackbox.ID] == first.id
    assert other[blackbox.ID] == second.id
    first.finish()
    assert one[blackbox.ID] == 0
    third = Recording(watched.recorder, "wsgi", "http", "wrapper", "/")
    third.begun()
    assert third.mark is one
    assert one[blackbox.ID] == third.id


def test_without_room_there_is_no_slot() -> None:
    box = BlackBox(Path("/proc/nowhere"), Vocabulary(), lambda folder: None)
    made = recorded()
    BlackBox.enter(box, made)
    assert made.mark is UNMARKED


def test_pieces() -> None:
    made = recorded(chunks=3, bytes_out=2**40)
    told = []
    for pieces in (blackbox.pieces, blackbox._pieces):
        made.mark = memoryview(bytearray(blackbox.SLOT)).cast(blackbox.ITEM)
        pieces(made, 77)
        told.append(slot(made))
        for wrong in (-1, 2**64, "x"):
            with pytest.raises((ValueError, OverflowError, TypeError)):
                pieces(made, wrong)  # type: ignore[arg-type]
    assert told[0] == told[1]
    assert any(told[0])
