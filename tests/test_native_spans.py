"""What is in C tells what its like in Python tells: layers, hooks, views, signals, the resolver and the making of views."""

from __future__ import annotations

import gc
import sys
import traceback
import weakref
from collections.abc import Callable, Iterator
from functools import partial, update_wrapper
from typing import Any

import pytest
from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse
from hypothesis import given
from hypothesis import strategies as st

from django_gateway import native
from django_gateway.blackbox import SLOT
from django_gateway.instrument import spans
from django_gateway.recording import Recorder, Recording, current, faults
from django_gateway.vocabulary import WORDS, spread

pytestmark = pytest.mark.skipif(native.core is None, reason="the compiled part is not here, or switched off")

SAID = spans.words(
    ("django.view.started", "a.view", "sync"), ("django.view.finished", "a.view"), ("django.view.failed", "a.view")
)
LAYER = spans.words(("django.middleware.started", "a.Layer", "sync"), ("django.middleware.finished", "a.Layer"))
HOOK = spans.words(
    ("django.hook.started", "a.Layer", "process_view"), ("django.hook.finished", "a.Layer", "process_view")
)
SIGNAL = spans.words(("django.signal.started", "a_signal"), ("django.signal.finished", "a_signal"))

Make = Callable[[Any], Any]


class OddError(Exception):
    pass


def answered(request: Any, error: Exception) -> Any:
    assert sys.exc_info()[1] is error, "Django's handler asks for it there"
    if isinstance(error, OddError):
        raise error
    return HttpResponse(type(error).__name__, status=400, headers={"X-Error": "1"})


def plain(*args: Any, **named: Any) -> Any:
    return "plain", args, named


MAKERS: dict[str, Make] = {
    "layer": lambda called: spans.layer(called, plain, LAYER, "a.Layer", answered),
    "hook": lambda called: spans.hook(called, HOOK, "a.Layer"),
    "view": lambda called: spans.view(called, SAID, "a.view"),
    "signal": lambda called: spans.signal(called, SIGNAL),
}


def in_python(monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(native, "core", None)
        return make()


def told(make: Callable[[], Any], said: Callable[[Any], Any], calls: int = 1) -> tuple[Any, ...]:
    """Answer or exception of each call inside one recording, and all that the recording has of it but its instants."""
    span = make()
    recording = Recording(Recorder(lambda finished: None), "wsgi", "http", "wrapper", "/")
    recording.mark = mark = memoryview(bytearray(SLOT)).cast("L")
    before = faults.count
    token = current.set(recording)
    came: list[Any] = []
    try:
        for _ in range(calls):
            try:
                came.append(shown(said(span)))
            except BaseException as error:
                came.append((type(error), str(error)))
    finally:
        current.reset(token)
    events = [[name, *fields] for name, _, *fields in spread(recording.trail, WORDS)]
    instants = [event[1] for event in spread(recording.trail, WORDS)]
    assert instants == sorted(instants)
    assert mark[1] <= instants[-1]
    times = recording.view_time > 0, recording.middleware_time > 0
    return came, events, mark[0], times, recording.header_values, faults.count - before


def shown(answer: Any) -> Any:
    if isinstance(answer, Strange):
        return Strange
    return (answer.status_code, sorted(answer.headers.items())) if isinstance(answer, HttpResponse) else answer


def raising(error: BaseException) -> Callable[..., Any]:
    def called(*args: Any, **named: Any) -> Any:
        raise error

    return called


class Strange:
    """No response of Django's."""

    headers = 5
    cookies: dict[str, str] = {}

    @property
    def status_code(self) -> int:
        raise AttributeError


ANSWERS: dict[str, Callable[..., Any]] = {
    "a response": lambda *args, **named: HttpResponse("a", headers={"X-One": "1", "X-Two": "2"}),
    "nothing": lambda *args, **named: None,
    "no response": lambda *args, **named: Strange(),
    "a number": lambda *args, **named: 7,
    "an exception": raising(ValueError("oh")),
    "an exception that is answered with 400": raising(SuspiciousOperation("oh")),
    "an exception that the answer raises again": raising(OddError("oh")),
    "an exit": raising(SystemExit(3)),
    "a KeyboardInterrupt": raising(KeyboardInterrupt()),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_is_told(kind: str, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    same = HttpResponse("the same")
    same["X-Kept"] = "1"
    called = ANSWERS[answer]
    compiled = told(lambda: MAKERS[kind](called), lambda span: span(same), 2)
    assert compiled == in_python(monkeypatch, lambda: told(lambda: MAKERS[kind](called), lambda span: span(same), 2))
    assert compiled[-1] == 0


@pytest.mark.parametrize("kind", MAKERS)
def test_no_frame_of_ours_is_in_a_traceback(kind: str) -> None:
    error = KeyboardInterrupt()
    told(lambda: MAKERS[kind](raising(error)), lambda span: span(None))
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert frames[-2:] == ["<lambda>", "called"]


@pytest.mark.parametrize("kind", MAKERS)
def test_without_a_recording_nothing_is_in_between(kind: str) -> None:
    span = MAKERS[kind](plain)
    assert span(1) == ("plain", (1,), {})


@pytest.mark.parametrize("kind", ["view", "signal"])
def test_arguments_arrive_as_they_were_given(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(span: Any) -> Any:
        return span(1, *range(20), named=2, **{f"n{number}": number for number in range(20)})

    compiled = told(lambda: MAKERS[kind](plain), said)
    assert compiled == in_python(monkeypatch, lambda: told(lambda: MAKERS[kind](plain), said))
    assert compiled[0] == [plain(1, *range(20), named=2, **{f"n{number}": number for number in range(20)})]


HEADERS = st.sampled_from(["Content-Type", "Vary", "X-One", "X-Two", "X-Frame-Options"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), HEADERS, st.sampled_from(["1", "2"])),
        st.tuples(st.just("delete"), HEADERS),
        st.tuples(st.just("cookie"), st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"])),
        st.tuples(st.just("nothing")),
    ),
    max_size=8,
)


@given(STEPS)
def test_headers_are_told_alike_whatever_is_done_to_them(steps: list[tuple[str, ...]]) -> None:
    def run() -> Any:
        response = HttpResponse("body")
        left = iter(steps)

        def called(request: Any) -> Any:
            match next(left):
                case ("set", name, value):
                    response[name] = value
                case ("delete", name):
                    del response[name]
                case ("cookie", name, value):
                    response.set_cookie(name, value)
            return response

        return told(lambda: MAKERS["layer"](called), lambda span: span(None), len(steps)) if steps else None

    with pytest.MonkeyPatch.context() as patch:
        compiled = run()
        assert compiled == in_python(patch, run)


def test_a_layer_is_what_it_wraps_for_those_who_look() -> None:
    def factory(request: Any) -> Any:
        """What it is for."""

    span = update_wrapper(MAKERS["layer"](factory), factory)
    assert span.__wrapped__ is factory
    assert (span.__name__, span.__doc__, span.__module__) == ("factory", "What it is for.", __name__)
    assert weakref.ref(span)() is span


def test_circles_through_a_span_are_collected() -> None:
    class Held:
        pass

    def circle() -> weakref.ref[Held]:
        held = Held()
        held.span = MAKERS["view"](lambda: held)  # type: ignore[attr-defined]
        return weakref.ref(held)

    gone = circle()
    gc.collect()
    assert gone() is None


def test_what_goes_through_a_span_is_not_kept() -> None:
    response = HttpResponse("a", headers={"X-One": "1"})
    request, error = object(), ValueError("oh")

    def count() -> tuple[int, ...]:
        return tuple(sys.getrefcount(each) for each in (response, request, error, None.__class__, LAYER.finished))

    def calls() -> None:
        for make in MAKERS.values():
            told(partial(make, lambda request: response), lambda span: span(request), 50)
            told(partial(make, raising(error)), lambda span: span(request), 50)
        error.__traceback__ = None

    calls()
    before = count()
    calls()
    assert count() == before


@pytest.fixture(autouse=True)
def no_fault_is_left() -> Iterator[None]:
    before = faults.count
    yield
    assert faults.count == before, faults.last
