"""Steps and crossings in C against the same in Python: the same is told, and the same happens to what they drive."""

from __future__ import annotations

import asyncio
import gc
import threading
import types
import warnings
import weakref
from collections.abc import Awaitable, Callable, Generator
from functools import partial, wraps
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, sync_to_async
from hypothesis import given
from hypothesis import strategies as st

import recorders
from django_gateway import clocks, native
from django_gateway.heartbeat import Heartbeat
from django_gateway.instrument import asgirefs, crossings, spans
from django_gateway.interfaces import asgi
from django_gateway.recording import Recorder, Recording, current, faults
from django_gateway.vocabulary import WORDS, spread

pytestmark = pytest.mark.skipif(native.core is None, reason="native.core is not built here, or switched off")

BOTH: list[tuple[Any, Any]] = (
    [] if native.core is None else [(clocks.stepped, clocks.Steps), (clocks._stepped, clocks._Steps)]  # type: ignore[attr-defined]
)
each_way = pytest.mark.parametrize(("stepped", "new_steps"), BOTH, ids=["c", "python"][: len(BOTH)])


class Yields:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self.value)


class Stubborn(Exception):
    pass


async def work(plan: list[str], told: list[Any]) -> Any:
    """Does what the plan says at each suspension, and tells what comes in."""
    for number, what in enumerate(plan):
        try:
            told.append(await Yields(number))
        except BaseException as error:
            told.append(repr(error))
            if what == "raise":
                raise
            if what == "other":
                raise Stubborn(number) from None
            if what == "stop":
                raise StopIteration(number) from None
            if what == "return":
                return number, repr(error)
    return "done", len(plan)


DRIVE = st.one_of(
    st.tuples(st.just("send"), st.sampled_from([None, None, None, 1, "text", (1, 2)])),
    st.tuples(
        st.just("throw"),
        st.sampled_from([ValueError("in"), KeyError, GeneratorExit, GeneratorExit("now"), asyncio.CancelledError(), 5]),
    ),
    st.tuples(st.just("close"), st.none()),
    st.tuples(st.just("next"), st.none()),
)
PLANS = st.lists(st.sampled_from(["go on", "raise", "other", "stop", "return"]), max_size=5)


def driven(stepped: Any, new_steps: Any, plan: list[str], acts: list[tuple[str, Any]]) -> Any:
    told: list[Any] = []
    steps = new_steps()
    inner = work(plan, told)  # one that refuses to be closed is told once more when it is let go, whenever that is
    subject = stepped(inner, steps)
    outcomes: list[Any] = []
    for name, argument in acts:
        try:
            if name == "next":
                outcomes.append(next(subject))
            else:
                outcomes.append(getattr(subject, name)(*(() if name == "close" else (argument,))))
        except BaseException as error:
            value = getattr(error, "value", None)
            outcomes.append((type(error), str(error), value, error is argument))
    came = list(told)
    del subject, inner
    assert steps.since == 0
    assert steps.longest <= steps.running
    return outcomes, came, steps.count


@pytest.mark.filterwarnings("ignore:coroutine 'work' was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(PLANS, st.lists(DRIVE, max_size=7))
def test_it_is_driven_as_the_generator_is(plan: list[str], acts: list[tuple[str, Any]]) -> None:
    first, second = (driven(*way, plan, acts) for way in BOTH)
    assert first == second


@each_way
def test_three_arguments_of_throw(stepped: Any, new_steps: Any) -> None:
    async def one() -> None:
        await Yields(1)

    subject = stepped(one(), new_steps())
    subject.send(None)
    error = ValueError("in")
    try:
        raise KeyError
    except KeyError as other:
        trace = other.__traceback__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on
        with pytest.raises(ValueError, match="in") as caught:
            subject.throw(ValueError, error, trace)
    assert caught.value is error


@each_way
def test_one_that_is_running_is_not_resumed(stepped: Any, new_steps: Any) -> None:
    async def one() -> None:
        for act in (partial(subject.send, None), partial(subject.throw, ValueError()), subject.close):
            with pytest.raises(ValueError, match="already executing"):
                act()

    subject = stepped(one(), new_steps())
    with pytest.raises(StopIteration):
        subject.send(None)


@each_way
def test_one_that_is_let_go_is_closed(stepped: Any, new_steps: Any) -> None:
    closed: list[str] = []

    async def one() -> None:
        try:
            await Yields(1)
        finally:
            closed.append("closed")

    subject = stepped(one(), new_steps())
    subject.send(None)
    del subject
    gc.collect()
    assert closed == ["closed"]


@each_way
def test_the_loops_lag_is_asked_when_it_is_over(stepped: Any, new_steps: Any) -> None:
    async def one() -> None:
        raise Stubborn

    steps = new_steps()
    heart = steps.heart = Heartbeat(None)
    heart._late = [(clocks.now() + 10**12, 10**13)]
    subject = stepped(one(), steps)
    with pytest.raises(Stubborn):
        subject.send(None)
    assert steps.heart is None
    assert steps.lag > 0


@each_way
def test_the_longest_step_keeps_what_was_seen_of_it(stepped: Any, new_steps: Any) -> None:
    steps = new_steps()

    async def one() -> None:
        steps.sample = ([], [1])
        await Yields(1)
        steps.longest = 10**15
        steps.sample = ([], [2])

    subject = stepped(one(), steps)
    subject.send(None)
    assert (steps.stack, steps.sample) == (([], [1]), None)
    with pytest.raises(StopIteration):
        subject.send(None)
    assert (steps.stack, steps.sample) == (([], [1]), None)
    assert steps.loop(0).held_up == [1]


def test_other_awaitables_are_driven_by_python() -> None:
    async def one() -> Any:
        return await clocks.stepped(Generatorlike(), clocks.Steps())  # type: ignore[arg-type]

    class Generatorlike:
        def send(self, value: Any) -> Any:
            raise StopIteration(7)

    assert asyncio.run(one()) == 7


def test_from_outside_it_passes_for_its_coroutine() -> None:
    async def one() -> None:
        await Yields(1)

    inner = one()
    subject = clocks.stepped(inner, clocks.Steps())
    subject.send(None)
    for name in ("cr_await", "cr_code", "cr_frame", "cr_running"):
        assert getattr(subject, name) is getattr(inner, name)
    subject.close()
    assert getattr(subject, "cr_frame") is None  # noqa: B009


def test_steps_and_what_they_hold_are_let_go() -> None:
    class Held:
        pass

    held, steps = Held(), clocks.Steps()
    gone = weakref.ref(held)
    steps.sample = (held, steps)  # type: ignore[assignment]
    del held, steps
    gc.collect()
    assert gone() is None


@each_way
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("begun", [True, False])
def test_one_that_holds_itself_is_let_go(stepped: Any, new_steps: Any, begun: bool) -> None:
    class Holds:
        subject: Any

    async def one(held: Any) -> None:
        await Yields(held)

    held = Holds()
    gone = weakref.ref(held)
    held.subject = stepped(one(held), new_steps())
    if begun:
        held.subject.send(None)
    del held
    gc.collect()
    assert gone() is None


# Crossings


class Owner:
    def method(self, *args: Any, **named: Any) -> Any:
        return args, named

    def __call__(self, *args: Any, **named: Any) -> Any:
        return args, named


class Heir(Owner):
    pass


def function(*args: Any, **named: Any) -> Any:
    return args, named


@wraps(function)
def wrapped(*args: Any, **named: Any) -> Any:
    return args, named


@wraps(wrapped)
def twice(*args: Any, **named: Any) -> Any:
    return args, named


class Wrapped:
    @wraps(function)
    def method(self, *args: Any, **named: Any) -> Any:
        return args, named


@wraps(Owner())
def around_another(*args: Any, **named: Any) -> Any:
    return args, named


def viewed(view: Callable[..., Any]) -> Any:
    words = spans.words(
        ("django.view.started", "v", "sync"), ("django.view.finished", "v"), ("django.view.failed", "v")
    )
    span = spans.view(lambda *args, **named: 1, words, "v")
    span.__wrapped__ = view  # type: ignore[attr-defined]
    return span


class Own(SyncToAsync[..., Any]):
    def thread_handler(self, *args: Any, **named: Any) -> Any:
        return super().thread_handler(*args, **named)  # type: ignore[no-untyped-call]


def attributed(*args: Any, **named: Any) -> Any:
    return args, named


attributed.context = "its own"  # type: ignore[attr-defined]

CALLABLES: list[Callable[..., Any]] = [
    function,
    wrapped,
    attributed,
    twice,
    around_another,
    Wrapped().method,
    viewed(attributed),
    viewed(twice),
    viewed(Owner()),
    viewed(Heir().method),
    partial(function, 1),
    Owner().method,
    Heir().method,
    Owner(),
    dict,
    str.upper,
    types.SimpleNamespace,
]


def natively(original: Any) -> Any:
    assert asgirefs.is_asgirefs(original)
    return crossings._to_thread_natively(original)


def crossed(make: Callable[[Any], Any], *calls: Callable[[], Awaitable[Any]], max_events: int = 100) -> Any:
    """What becomes of these calls and what is told of them, but for the instants and the thread."""
    original = SyncToAsync.__call__
    SyncToAsync.__call__ = make(original)  # type: ignore[method-assign]
    results: list[Any] = []
    recording = Recording(Recorder(lambda _: None, max_events=max_events), "asgi", "http", "wrapper", "/")

    async def main() -> None:
        current.set(recording)
        for call in calls:
            try:
                results.append(await call())
            except Exception as error:
                frames = []
                trace = error.__traceback__
                while trace is not None:
                    frames.append(trace.tb_frame.f_code.co_name)
                    trace = trace.tb_next
                results.append((repr(error), frames))

    before = faults.count
    try:
        asyncio.run(main())
    finally:
        SyncToAsync.__call__ = original  # type: ignore[method-assign]
    assert faults.count == before
    told = []
    for event in spread(list(recording.trail), WORDS):
        assert event[1] <= recording.started + 10**12
        instants = [each for each in event[2:] if isinstance(each, int) and 0 <= each - recording.started < 10**12]
        assert instants == sorted(instants)
        told.append([event[0], *(("instant" if isinstance(i, int) and i > 1000 else i) for i in event[2:])])
    assert recording.away is None
    assert recording.mark[2] == 0
    assert recording.threads
    return results, told, recording.crossings, recording.dropped


def same(*calls: Callable[[], Awaitable[Any]], max_events: int = 100) -> Any:
    first, second = (crossed(make, *calls, max_events=max_events) for make in (natively, crossings._to_thread))
    assert first == second
    return first


@pytest.mark.parametrize("called", CALLABLES, ids=str)
@pytest.mark.parametrize("sensitive", [True, False])
def test_what_is_called_and_how(called: Callable[..., Any], sensitive: bool) -> None:
    converted = sync_to_async(called, thread_sensitive=sensitive)
    results, told, count, _ = same(
        *[
            partial(converted),
            partial(converted, "a"),
            partial(converted, "a", "b", c=1),
            partial(converted, *range(20)),
        ]
        * 2
    )
    assert len(results) == count == 8
    assert len([event for event in told if event[0] == "crossing.to_thread"]) == 8


def test_errors_come_back_without_us() -> None:
    def fails(what: type[BaseException]) -> None:
        raise what

    results, *_ = same(partial(sync_to_async(fails), ValueError), partial(sync_to_async(fails), KeyError))
    for _, frames in results:
        assert frames[-1] == "fails"
        assert "call" not in frames


def test_a_subclass_a_context_and_what_is_set_anew() -> None:
    import contextvars

    own: Any = Own(function)
    other: Any = sync_to_async(function)
    other.func = attributed
    contexts = sync_to_async(function, context=contextvars.copy_context())
    same(partial(own, 1), partial(other, 2), partial(contexts, 3), own, other)


def test_more_events_than_it_may_have() -> None:
    _, told, count, dropped = same(*[sync_to_async(function)] * 12, max_events=2)
    assert (count, len(told) + dropped) == (12, 12)
    assert dropped > 0


def test_a_caller_that_is_cancelled_while_the_thread_goes_on() -> None:
    def run(make: Callable[[Any], Any]) -> Any:
        began, go = threading.Event(), threading.Event()

        def hangs() -> None:
            began.set()
            assert go.wait(recorders.DEADLINE)

        async def call() -> None:
            task = asyncio.ensure_future(sync_to_async(hangs)())
            await recorders.until_async(began.is_set)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go.set()
            await sync_to_async(function)()

        results, told, *rest = crossed(make, call)
        # Whether the second had to wait for the first is a matter of luck.
        return results, [event for event in told if event[0] != "crossing.queued"], rest

    first, second = run(natively), run(crossings._to_thread)
    assert first == second


def test_many_at_once_never_mix() -> None:
    """One object of asgiref's for all of them: each thread gets the arguments of its own call."""

    def work(number: int) -> tuple[int, int | None]:
        recording = current.get()
        return number, recording.bytes_in if recording is not None else None

    converted = sync_to_async(work)
    recorder = Recorder(lambda _: None)
    found: list[Recording] = []

    async def one(number: int) -> None:
        recording = Recording(recorder, "asgi", "http", "wrapper", "/")
        recording.bytes_in = number
        found.append(recording)
        current.set(recording)
        for _ in range(5):
            assert await converted(number) == (number, number)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(200)))

    original = SyncToAsync.__call__
    SyncToAsync.__call__ = natively(original)  # type: ignore[method-assign]
    try:
        asyncio.run(main())
    finally:
        SyncToAsync.__call__ = original  # type: ignore[method-assign]
    assert all(recording.crossings == 5 for recording in found)


def test_what_others_have_put_in_its_place_is_called_as_it_was() -> None:
    original = SyncToAsync.__call__

    async def others(self: Any, *args: Any, **named: Any) -> Any:
        return await original(self, *args, **named), len(vars(self))

    async def passes(self: Any) -> Any:
        return await original(self)

    assert not asgirefs.is_asgirefs(others)
    assert not asgirefs.is_asgirefs(passes)
    assert not asgirefs.is_asgirefs(len)
    assert asgirefs.is_asgirefs(original)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SyncToAsync, "thread_handler", Own.thread_handler)
        assert not asgirefs.is_asgirefs(original)
    calls = [partial(sync_to_async(function), 1), partial(sync_to_async(Owner().method), 2)]
    first, second = (
        crossed(lambda _, make=make: make(others), *calls)  # type: ignore[misc]
        for make in (crossings._to_thread_natively, crossings._to_thread)
    )
    assert first == second
    assert [size > 5 for _, size in first[0]] == [True, True]


def test_nothing_of_a_crossing_is_kept() -> None:
    class Argument:
        pass

    argument = Argument()
    gone = weakref.ref(argument)
    crossed(natively, partial(sync_to_async(function), argument), sync_to_async(partial(function, argument)))
    del argument
    gc.collect()
    assert gone() is None


def test_the_ring_of_ended_calls() -> None:
    """As executors._Sensitive, whose tests are in test_executors."""

    def nested() -> None:
        pass

    _, told, *_ = same(*[sync_to_async(nested)] * 300, max_events=1000)
    assert {event[0] for event in told} == {"crossing.to_thread"}


# Messages

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**70),
    st.binary(max_size=5),
    st.text(max_size=5),
    st.just(bytearray(b"more")),
    st.just([]),
    st.just([(b"content-type", b"text/plain"), (b"set-cookie", b"sessionid=1")]),
    st.just(((b"a", b"b"),)),
)


class Text(str):
    __slots__ = ()


KINDS = st.one_of(
    st.sampled_from(
        [
            "http.request",
            "http.disconnect",
            "http.response.start",
            "http.response.body",
            "websocket.receive",
            "websocket.send",
            "websocket.close",
            "http.r\xe9sponse",
            Text("http.request"),
            Text("http.response.start"),
        ]
    ),
    ODD,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "type": KINDS,
        "body": st.one_of(st.binary(max_size=30), ODD),
        "more_body": st.one_of(st.booleans(), ODD),
        "status": st.one_of(st.sampled_from([200, 404, 999, 1000, 0, -1, True]), ODD),
        "headers": ODD,
        "text": st.text(max_size=5),
    },
)


def conversed(conversation: Any, messages: list[tuple[bool, Any, int | None]], max_events: int) -> Any:
    recording = Recording(Recorder(lambda _: None, max_events=max_events), "asgi", "http", "wrapper", "/")
    recording.mark = memoryview(bytearray(256)).cast("L")
    recording.mark[10] = recording.mark[0] = 77
    subject = conversation(recording, None, None)
    faulty: list[Any] = []
    for received, message, returned in messages:
        before, kept = faults.count, faults.last
        try:
            subject._received(message) if received else subject._sent(message, 1_000, returned)
        except Exception as error:
            faulty.append(repr(error))
        faulty.append((faults.count - before, faults.last if faults.count > before else None))
        faults.count, faults.last = before, kept
        if received:  # the instant is now
            recording.trail[:] = [
                0 if type(item) is int and item >= recording.started else item for item in recording.trail
            ]
            if recording.mark[1] >= recording.started:
                recording.mark[1] = 0
    told = {
        name: getattr(recording, name)
        for name in ("trail", "status", "headers", "returned", "bytes_in", "bytes_out", "chunks", "dropped", "close")
    }
    return faulty, told, list(recording.mark), subject._accepted


@given(
    st.lists(st.tuples(st.booleans(), MESSAGES, st.sampled_from([None, 2_000])), max_size=6), st.sampled_from([1, 100])
)
def test_messages_are_told_as_python_tells_them(messages: list[Any], max_events: int) -> None:
    first, second = (conversed(each, messages, max_events) for each in (asgi.Conversation, asgi._Conversation))  # type: ignore[attr-defined]
    assert first == second
    assert [type(item) for item in first[1]["trail"]] == [type(item) for item in second[1]["trail"]]


def test_an_exchange_of_messages() -> None:
    messages = [
        (True, {"type": "http.request", "body": b"abc", "more_body": True}, None),
        (True, {"type": "http.request"}, None),
        (False, {"type": "http.response.start", "status": 201, "headers": [(b"a", b"b")]}, 2_000),
        (False, {"type": "http.response.start", "status": 500}, 2_000),
        (False, {"type": "http.response.body", "body": b"12345", "more_body": False}, None),
        (True, {"type": "http.disconnect"}, None),
    ]
    first, second = (conversed(each, messages, 100) for each in (asgi.Conversation, asgi._Conversation))  # type: ignore[attr-defined]
    assert first == second
    faulty, told, mark, accepted = first
    assert faulty == [(0, None)] * 6
    assert (told["status"], told["bytes_in"], told["bytes_out"], told["chunks"]) == (201, 3, 5, 1)
    assert accepted
    assert mark[8:12] == [201, 5, 1, 5]


def test_a_redactor_that_fails_is_a_fault() -> None:
    class Broken:
        def headers(self, pairs: Any) -> Any:
            raise Stubborn

    recording = Recording(Recorder(lambda _: None), "asgi", "http", "wrapper", "/")
    recording.recorder.redactor = Broken()  # type: ignore[assignment]
    before = faults.count
    asgi.Conversation(recording, None, None)._sent({"type": "http.response.start", "status": 200}, 1, 2)  # type: ignore[arg-type]
    assert faults.count == before + 1
    assert recording.trail == []
    faults.count = before


def test_what_a_conversation_holds_is_let_go() -> None:
    recording = Recording(Recorder(lambda _: None), "asgi", "http", "wrapper", "/")
    gone = weakref.ref(recording)
    recording.coroutine = asgi.Conversation(recording, None, None)  # type: ignore[arg-type]
    del recording
    gc.collect()
    assert gone() is None


SCOPES = st.fixed_dictionaries(
    {"type": st.just("http")},
    optional={
        "path": st.one_of(st.text(max_size=5), ODD),
        "method": st.one_of(st.sampled_from(["GET", "POST", "G\xe9T", "", Text("PUT"), "x" * 9_000]), ODD),
        "query_string": st.one_of(st.sampled_from([b"", b"a=1&token=2", "text", None]), ODD),
        "client": st.one_of(
            st.sampled_from(
                [
                    ("127.0.0.1", 80),
                    ["::1", 0],
                    ("", 1),
                    None,
                    (),
                    ("/run/socket", None),
                    "unix:",
                    ("x" * 300, 1),
                    (None,),
                ]
            ),
            st.tuples(st.sampled_from([Text("a"), b"bytes", "h\xf6st", "a"]), ODD),
            ODD,
        ),
        "headers": st.one_of(
            st.lists(
                st.one_of(
                    st.tuples(
                        st.sampled_from([b"host", b"x-request-id", b"X-Request-ID", "x-request-id", 3]),
                        st.sampled_from([b"", b"one", b"t w o", "text", None]),
                    ),
                    st.sampled_from([[b"x-request-id", b"list"], (b"x",), None, "ab", [[], 1]]),
                ),
                max_size=4,
            ),
            ODD,
        ),
    },
)


@given(SCOPES)
def test_a_scope_is_taken_as_python_takes_it(scope: dict[str, Any]) -> None:
    def begun(begin: Any) -> Any:
        try:
            recording = begin(Recorder(lambda _: None), dict(scope), "http", "wrapper")
        except Exception as error:
            return repr(error)
        return [
            (type(each), each) for each in (recording.method, recording.query, recording.request_id, recording.client)
        ]

    assert begun(native.core.begin_asgi) == begun(asgi._begin)
