"""The wrapper around a WSGI application in C does what the one in Python does."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.http import HttpResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import recorders
from django_gateway import blackbox, native, stacks
from django_gateway.concealment import HIDDEN
from django_gateway.instrument import handler
from django_gateway.interfaces import wsgi
from django_gateway.recording import Recording, current, faults, is_recording
from recorders import Answered, Recorded, environ, frames, serve, strictly
from wsgi_applications import APPLICATIONS, TYPE, Application, Body, Log, breaks_in_the_middle, generator, one_block

pytestmark = pytest.mark.skipif(native.core is None, reason="the compiled module was not built")

#: Items of a slot that say something other than when.
SAID = (blackbox.WORD, blackbox.STATUS, blackbox.PIECE, blackbox.CHUNKS, blackbox.BYTES)
PYTHON = {
    "Answer": "_PythonAnswer",
    "SizedAnswer": "_PythonSizedAnswer",
    "RecordedWSGI": "_PythonRecordedWSGI",
    "record": "_python_record",
}
Drive = Callable[[Any, dict[str, Any]], Answered]


def in_python(patch: pytest.MonkeyPatch) -> None:
    for name, private in PYTHON.items():
        patch.setattr(wsgi, name, getattr(wsgi, private))


def told(recorded: Recorded) -> list[Any]:
    """What was recorded, but for what depends on the clock."""
    return [
        (
            [(name, *fields) for name, _, *fields in exchange.trail if name != "wsgi.next"],
            exchange.status,
            exchange.headers,
            exchange.failure,
            exchange.sizes,
            exchange.unseen,
            exchange.method,
            exchange.scheduler is None,
        )
        for exchange in recorded.exchanges
    ]


def outcome(application: Callable[[Log], Application], drive: Drive, request: dict[str, Any], **options: Any) -> Any:
    """All that the server, the application, the store and the black box get to see."""
    recorded, log = Recorded(**options), []  # type: ignore[var-annotated]
    for item in SAID:
        blackbox.UNMARKED[item] = 0
    with strictly(False):
        answered = drive(wsgi.RecordedWSGI(application(log), recorded.recorder), dict(request))
        sized = hasattr(answered.iterable, "__len__")
        error, escaped = answered.error, [frame for frame in frames(answered.error) if "django_gateway" not in frame[0]]
        answered.iterable = answered.error = None
        gc.collect(1)
        counted = faults.count, faults.last
    marks = [blackbox.UNMARKED[item] for item in SAID]
    seen = (
        answered.status,
        answered.headers,
        answered.starts,
        answered.chunks,
        sized,
        type(error),
        str(error),
        escaped,
    )
    return seen, log, told(recorded), marks, counted, list(recorded.recorder.in_flight)


def same(application: Callable[[Log], Application], drive: Drive = serve, /, **options: Any) -> Any:
    request = environ(**options.pop("request", {}))
    for _ in range(3):  # a pause of a busy machine may leave an event
        mine = outcome(application, drive, request, **options)
        with pytest.MonkeyPatch.context() as patch:
            in_python(patch)
            in_the_other = outcome(application, drive, request, **options)
        if mine == in_the_other:
            break
    assert mine == in_the_other
    return mine


def first_chunk(application: Any, request: dict[str, Any]) -> Answered:
    """A client that leaves after one chunk, and a server that closes twice."""
    answered = Answered()
    try:
        answered.iterable = application(request, answered.start_response)
        for chunk in answered.iterable:
            answered.chunks.append(chunk)
            break
    except BaseException as error:
        answered.error = error
    finally:
        for _ in range(2):
            if hasattr(answered.iterable, "close"):
                try:
                    answered.iterable.close()
                except Exception as error:
                    answered.error = error
    return answered


def never_closed(application: Any, request: dict[str, Any]) -> Answered:
    answered = Answered()
    try:
        answered.iterable = application(request, answered.start_response)
        answered.chunks += answered.iterable
        if hasattr(answered.iterable, "__len__"):
            answered.chunks.append(len(answered.iterable))  # type: ignore[arg-type]
    except BaseException as error:
        # Its traceback would hold the answer.
        answered.error = error.with_traceback(None)
    return answered


def not_iterated(application: Any, request: dict[str, Any]) -> Answered:
    answered = Answered()
    try:
        answered.iterable = application(request, answered.start_response)
        answered.iterable.close()
    except BaseException as error:
        answered.error = error
    return answered


@pytest.mark.parametrize("request_of", [{}, {"REQUEST_METHOD": "HEAD"}], ids=["GET", "HEAD"])
@pytest.mark.parametrize("drive", [serve, first_chunk, never_closed, not_iterated])
@pytest.mark.parametrize("make", APPLICATIONS, ids=lambda make: str(make.__name__))
def test_every_application_with_every_server(make: Any, drive: Drive, request_of: Any) -> None:
    same(make, drive, request=request_of)


def long_bodies(number: int) -> Callable[[Log], Application]:
    """In a list, written before it, or from an iterator that is none of the language's."""

    def make(log: Log) -> Application:
        def application(environ: Any, start_response: Any) -> Any:
            write = start_response("200 OK", TYPE)
            body = [b"x"] * number
            if environ["PATH_INFO"] == "/written":
                for piece in body:
                    write(piece)
            return body if environ["PATH_INFO"] == "/list" else (piece for piece in body)

        return application

    return make


@pytest.mark.parametrize("where", ["/list", "/written", "/generator"])
@pytest.mark.parametrize("max_events", [1, 3, 30, 110])
def test_bodies_that_outgrow_what_is_assured(max_events: int, where: str) -> None:
    ((_, _, _, _, sizes, *_),) = same(long_bodies(200), request={"PATH_INFO": where}, max_events=max_events)[2]
    assert sizes.chunks == sizes.body_bytes == (400 if where == "/written" else 200)
    assert sizes.dropped > 0


anything = st.one_of(
    st.none(), st.integers(), st.text(max_size=5), st.binary(max_size=5), st.lists(st.text(max_size=2))
)
header = st.one_of(st.sampled_from([("A", "b"), ("Set-Cookie", "a=b")]), st.tuples(anything, anything), anything)
statuses = st.one_of(
    st.sampled_from(
        ["200 OK", "20", "", "2", "٢٠٠ نعم", "²00", "404Nöt", "5 0 0", "é" * 9000, "x" * 9000, "99 \udcff"]
    ),
    st.text(max_size=6),
    anything,
    st.builds(type("Status", (str,), {}), st.text(max_size=4)),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(status=statuses, headers=st.one_of(st.lists(header, max_size=4), anything), body=st.lists(anything, max_size=3))
def test_any_status_any_headers_any_chunks(status: Any, headers: Any, body: list[Any]) -> None:
    def make(log: Log) -> Application:
        def application(environ: Any, start_response: Any) -> Any:
            log.append(start_response.__name__)
            write = start_response(status, headers)
            log.append((write.__name__, start_response(headers=headers, status=status, exc_info=None) is not None))
            return Body(log, body)

        return application

    def drive(application: Any, request: dict[str, Any]) -> Answered:
        answered = Answered()
        answered.iterable = application(request, lambda *given: answered.headers.append(given) or print)  # type: ignore
        answered.chunks += answered.iterable
        answered.iterable.close()
        return answered

    same(make, drive)
    same(make, drive)  # what came once is known the second time


@pytest.mark.parametrize(
    "given", [(), ("200 OK",), ("200 OK", [], None, 1), {"status": "200 OK"}, {"state": 1, "status": "", "headers": []}]
)
def test_start_response_called_wrongly(given: Any) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        return start_response(**given) if isinstance(given, dict) else start_response(*given)

    recorded = Recorded()
    with strictly():
        assert isinstance(serve(recorded.wsgi(application)).error, TypeError)
    assert [event[0] for event in recorded.only.trail] == []


class Iterates:
    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __iter__(self) -> Iterator[bytes]:
        raise self.error(1)


@pytest.mark.parametrize("error", [ValueError, StopIteration, KeyboardInterrupt, SystemExit])
def test_what_iter_raises(error: type[BaseException]) -> None:
    found = same(lambda log: lambda e, s: Iterates(error))
    assert found[0][5] is (RuntimeError if error is StopIteration else error)


class Sized:
    """It says that it has a length where len() does not look."""

    def __getattr__(self, name: str) -> Any:
        if name == "__len__":
            return lambda: 1
        raise AttributeError(name)

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a"])


def test_what_only_says_that_it_has_a_length() -> None:
    same(lambda log: lambda e, s: Sized())


def returning(make: Callable[[], Any]) -> Callable[[Log], Application]:
    return lambda log: lambda environ, start_response: make()


@pytest.mark.parametrize("wrapper", [Sized, lambda file: file, "no wrapper", type(iter([]))])
def test_file_wrappers_of_every_kind(wrapper: Any) -> None:
    makers: list[Callable[[], Any]] = [Sized, lambda: iter([b"a"]), lambda: [b"a"], lambda: {b"a": 1}]
    for make in makers:
        same(returning(make), request={"wsgi.file_wrapper": wrapper})


class Cannot(dict[str, Any]):
    def get(self, name: str, default: Any = None) -> Any:
        if name == "wsgi.file_wrapper":
            raise LookupError(name)
        return super().get(name, default)


def test_an_environ_of_another_type() -> None:
    recorded = Recorded()
    answered = serve(recorded.wsgi(one_block([])), Cannot(environ()))
    assert isinstance(answered.error, LookupError)
    assert recorded.only.status == 200


def test_current_is_set_where_the_application_runs_and_nowhere_else() -> None:
    seen: list[bool] = []

    class Told(Body):
        def __iter__(self) -> Iterator[bytes]:
            seen.append(is_recording("http"))
            return self

        def __next__(self) -> bytes:
            seen.append(is_recording())
            return super().__next__()

        def close(self) -> None:
            seen.append(is_recording() and not is_recording("websocket"))

    def application(environ: Any, start_response: Any) -> Any:
        seen.append(current.get() is not None)
        return Told([], [b"a"])

    recorded = Recorded()
    answer: Any = recorded.wsgi(application)(environ(), lambda *_: None)
    outside = [is_recording()]
    for _ in answer:
        outside.append(is_recording())
    answer.close()
    assert seen == [True] * 5
    assert [*outside, is_recording()] == [False] * 3


def test_a_server_that_waits_is_told_of() -> None:
    recorded = Recorded()
    answer: Any = recorded.wsgi(generator([]))(environ(), lambda *_: None)
    for _ in answer:
        time.sleep(0.003)
    answer.close()
    names = [event[0] for event in recorded.only.trail]
    assert names == ["wsgi.returned", "wsgi.start_response", *["wsgi.body", "wsgi.next"] * 2, "wsgi.close"]


def test_a_traceback_has_no_frame_of_ours() -> None:
    recorded = Recorded()
    bare, answered = serve(breaks_in_the_middle([])), serve(recorded.wsgi(breaks_in_the_middle([])))
    assert frames(answered.error) == frames(bare.error)


class Left(BaseException):
    """As what a server raises in a worker that is to end."""


@pytest.mark.parametrize("owner", [(wsgi, "begin"), (Recording, "begun"), (Recording, "finish")])
def test_what_is_no_error_is_not_taken_for_one(owner: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*args: Any) -> None:
        monkeypatch.undo()
        raise Left

    monkeypatch.setattr(*owner, leave)
    with strictly():
        assert isinstance(serve(Recorded().wsgi(one_block([]))).error, Left)
        assert faults.count == 0


def test_faults_are_raised_where_tests_are_strict() -> None:
    with strictly(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recording, "note", lambda *_: 1 // 0)
        assert isinstance(serve(Recorded().wsgi(one_block([]))).error, ZeroDivisionError)
        faults.count = 0  # it was seen


def test_iterators_are_independent_and_end_for_good() -> None:
    answer: Any = Recorded().wsgi(one_block([]))(environ(), lambda *_: None)
    first, second = iter(answer), iter(answer)
    assert [*first, *first] == [b"whole"]
    assert list(second) == [b"whole"]
    answer.close()


def test_the_wrapper_can_be_given_attributes_and_called_by_name() -> None:
    wrapped: Any = recorders.Recorded().wsgi(one_block([]))
    wrapped.note = 1
    assert b"".join(wrapped(start_response=lambda *_: None, environ=environ())) == b"whole"
    assert type(wrapped).__module__ == "django_gateway.interfaces.wsgi"


# A response of Django's: iterating it runs nothing of the project's, unless somebody made it so


class Watched(HttpResponse):
    def __iter__(self) -> Iterator[bytes]:
        assert current.get() is not None
        return super().__iter__()


class Attributes(HttpResponse):
    def __getattribute__(self, name: str) -> Any:
        if name == "_container":
            assert current.get() is not None
        return super().__getattribute__(name)


class Instead(HttpResponse):
    @property
    def _container(self) -> list[bytes]:
        assert current.get() is not None
        return [b"instead"]

    @_container.setter
    def _container(self, value: Any) -> None:
        pass


def tuples() -> HttpResponse:
    made = HttpResponse("a")
    made._container = (b"t", b"u")  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize("make", [lambda: HttpResponse("a"), Watched, Attributes, Instead, tuples])
def test_responses_of_django(make: Callable[[], HttpResponse]) -> None:
    with recorders.recorded_process():  # which tells of the method
        for _ in range(2):
            for drive in (serve, first_chunk, not_iterated):
                same(returning(make), drive)


def test_a_response_whose_method_is_replaced_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with recorders.recorded_process():
        assert same(returning(lambda: HttpResponse("a")))[0][3] == [b"a"]
        monkeypatch.setattr(HttpResponse, "__iter__", lambda self: iter([b"b"]))
        assert same(returning(lambda: HttpResponse("a")))[0][3] == [b"b"]
        monkeypatch.undo()
        assert same(returning(lambda: HttpResponse("a")))[0][3] == [b"a"]


def test_headers_that_change_from_one_answer_to_the_next() -> None:
    """In number, in place, in value, and for a recorder that hides more."""
    lists = [
        [("A", "1"), ("B", "2")],
        [("A", "1"), ("B", "3")],
        [("B", "2"), ("A", "1")],
        [("A", "é"), ("A", "1"), ("Extra", "1")],
        [("A", "\u20ac"), ("Extra", "1")],
        [(f"N{number}", "v") for number in range(40)],
        [],
    ]

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", list(lists[int(environ["QUERY_STRING"])]))
        return []

    expected = [[list(pair) for pair in each] for each in lists]
    for hide in ((), ("extra",), ()):
        recorded = Recorded(hide=hide)
        wrapped = recorded.wsgi(application)
        for _ in range(4):
            for number in range(len(lists)):
                serve(wrapped, environ("/", str(number)))
        hidden = [[[n, HIDDEN if hide and n == "Extra" else v] for n, v in each] for each in expected]
        assert [[list(pair) for pair in exchange.headers or []] for exchange in recorded.exchanges] == hidden * 4


def test_a_method_of_django_is_called_as_it_is_inside_a_recording() -> None:
    calls: list[str] = []
    plain, python = (partial(lambda said, *given, **named: calls.append(said), said) for said in ("plain", "python"))
    inner = native.core.Method(handler._BEGIN, plain, python, None, 0, 0, 0, 0)
    recorded = Recorded()
    inner(1)

    def application(environ: Any, start_response: Any) -> Any:
        inner(1, a=2)
        return []

    serve(recorded.wsgi(application))
    inner()
    assert calls == ["python", "plain", "python"]


def test_a_stack_begins_with_what_the_wrapper_called() -> None:
    seen: list[list[str]] = []

    def look() -> None:
        recording: Any = current.get()
        stack = stacks.now_of(recording.home, recording.away, recording.coroutine, recording.outside)
        seen.append([frame.function for frame in stack])

    class Looks:
        def __iter__(self) -> Iterator[bytes]:
            look()
            return self

        def __next__(self) -> bytes:
            look()
            raise StopIteration

        def close(self) -> None:
            look()

    def application(environ: Any, start_response: Any) -> Any:
        look()
        return Looks()

    recorded = Recorded()
    serve(recorded.wsgi(application))
    assert seen == [[name, "look", "now_of"][:2] for name in ("application", "__iter__", "__next__", "close")]
    answer: Any = recorded.wsgi(application)(environ(), lambda *_: None)
    (recording,) = recorded.recorder.in_flight.values()
    assert (recording.outside, recording.exchange().stack) == (0, [])
    answer.close()
