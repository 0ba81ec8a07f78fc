"""Whatever a WSGI application does, its server sees the same with the recorder between them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest

from django_gateway.exchange import Exchange
from recorders import Answered, Recorded, entries, environ, frames, names, serve, strictly

Log = list[Any]
Application = Callable[[Any, Any], Iterable[bytes]]
TYPE = [("Content-Type", "text/plain")]


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> Iterator[Recorded]:
    make = request.node.callspec.params.get("make") if hasattr(request.node, "callspec") else None
    with strictly(make not in (bytes_alone, no_bytes)):
        yield Recorded()


class Broken(Exception):
    pass


class Body:
    """An iterable that tells what is done to it."""

    def __init__(self, log: Log, chunks: list[Any], *, breaks: bool = False, close_breaks: bool = False) -> None:
        self.log, self.chunks, self.breaks, self.close_breaks = log, iter(chunks), breaks, close_breaks
        log.append("made")

    def __iter__(self) -> Iterator[bytes]:
        self.log.append("iter")
        return self

    def __next__(self) -> bytes:
        self.log.append("next")
        for chunk in self.chunks:
            return chunk  # type: ignore[no-any-return]
        if self.breaks:
            raise Broken("in the middle")
        raise StopIteration

    def close(self) -> None:
        self.log.append("close")
        if self.close_breaks:
            raise Broken("while closing")


class Unclosable:
    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks

    def __getitem__(self, index: int) -> bytes:
        return self.chunks[index]


# Each makes an application that tells ``log`` what happens to it.


def one_block(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return [b"whole"]

    return application


def a_tuple(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return (b"a", b"", b"c")

    return application


def nothing_at_all(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("204 No Content", [])
        return []

    return application


def writes(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", TYPE)
        log.append(write(b"one"))
        log.append(write(b"two"))
        return [b"three"]

    return application


def writes_only(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)(b"all of it")
        return ()

    return application


def generator(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        log.append("called")
        start_response("200 OK", TYPE)
        try:
            yield b"a"
            log.append("between")
            yield b"b"
        finally:
            log.append("finally")

    return application


def closes(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return Body(log, [b"a", b"b"])

    return application


def breaks_in_the_middle(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return Body(log, [b"a"], breaks=True)

    return application


def breaks_while_closing(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return Body(log, [b"a"], close_breaks=True)

    return application


def breaks_before_the_response(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        raise Broken("at once")

    return application


def breaks_after_start_response(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        raise Broken("too late for another status")

    return application


def corrects_itself(log: Log) -> Application:
    """start_response twice, the second time with exc_info: allowed while nothing is sent."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        try:
            raise Broken("corrected")
        except Broken:
            start_response("500 Internal Server Error", [("X-Corrected", "yes")], sys.exc_info())
        return [b"sorry"]

    return application


def corrects_itself_too_late(log: Log) -> Application:
    """The server raises what it is given once something is sent."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        yield b"sent"
        try:
            raise Broken("nobody can help")
        except Broken:
            start_response("500 Internal Server Error", [], sys.exc_info())

    return application


def starts_twice(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        start_response("404 Not Found", TYPE)
        return [b"which?"]

    return application


def without_close(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return Unclosable([b"a", b"b"])

    return application


def bytes_alone(log: Log) -> Application:
    """Against the specification: iterating gives numbers."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return b"ab"

    return application


def no_bytes(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return [None, b"b"]

    return application


def nothing_returned(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)

    return application  # type: ignore[return-value]


def leaves_by_system_exit(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        raise SystemExit(3)

    return application


def one_shot_headers(log: Log) -> Application:
    """Against the specification, which wants a list: they can be read once."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", iter(TYPE))
        return [b""]

    return application


def changes_the_environ(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        log.append(environ["PATH_INFO"])
        environ["PATH_INFO"] = "/elsewhere"
        environ.clear()
        start_response("200 OK", TYPE)
        return [b"changed"]

    return application


APPLICATIONS = [
    one_block,
    a_tuple,
    nothing_at_all,
    writes,
    writes_only,
    generator,
    closes,
    breaks_in_the_middle,
    breaks_while_closing,
    breaks_before_the_response,
    breaks_after_start_response,
    corrects_itself,
    corrects_itself_too_late,
    starts_twice,
    without_close,
    bytes_alone,
    no_bytes,
    nothing_returned,
    leaves_by_system_exit,
    one_shot_headers,
    changes_the_environ,
]


def seen(answered: Answered) -> dict[str, Any]:
    error = answered.error
    return {
        "status": answered.status,
        "headers": answered.headers,
        "starts": answered.starts,
        "chunks": answered.chunks,
        "error": None if error is None else (type(error), error.args),
    }


@pytest.mark.parametrize("make", APPLICATIONS, ids=lambda make: str(make.__name__))
def test_the_server_and_the_application_see_the_same(recorded: Recorded, make: Callable[[Log], Application]) -> None:
    bare_log: Log = []
    bare = serve(make(bare_log))
    log: Log = []
    answered = serve(recorded.wsgi(make(log)))
    assert seen(answered) == seen(bare)
    assert log == bare_log
    assert len(recorded) == 1


@pytest.mark.parametrize("make", APPLICATIONS, ids=lambda make: str(make.__name__))
def test_what_escapes_is_the_same_object_from_the_same_place(
    recorded: Recorded, make: Callable[[Log], Application]
) -> None:
    bare = serve(make([]))
    answered = serve(recorded.wsgi(make([])))

    def ours(error: BaseException | None) -> list[tuple[str, str]]:
        return [frame for frame in frames(error) if "django_gateway" not in frame[0]]

    assert ours(answered.error) == ours(bare.error)


# What the wrapper must leave as it is


@pytest.mark.parametrize("make", [one_block, a_tuple, nothing_at_all])
def test_the_length_of_a_sequence_stays(recorded: Recorded, make: Callable[[Log], Application]) -> None:
    """Servers add Content-Length where they are given one block."""
    bare = make([])(environ(), lambda *_: None)
    assert len(recorded.wsgi(make([]))(environ(), lambda *_: None)) == len(bare)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [generator, closes, without_close])
def test_what_has_no_length_gets_none(recorded: Recorded, make: Callable[[Log], Application]) -> None:
    assert not hasattr(recorded.wsgi(make([]))(environ(), lambda *_: None), "__len__")


def test_nothing_is_pulled_before_the_server_pulls(recorded: Recorded) -> None:
    log: Log = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        log.append(status)

    iterable = recorded.wsgi(generator(log))(environ(), start_response)
    iterator = iter(iterable)
    assert log == []
    assert next(iterator) == b"a"
    assert log == ["called", "200 OK"]
    assert next(iterator) == b"b"
    assert log[2:] == ["between"]
    iterable.close()  # type: ignore[attr-defined]
    assert log[3:] == ["finally"]
    assert recorded.only.status == 200


def test_close_comes_from_the_server_alone(recorded: Recorded) -> None:
    log: Log = []
    iterable: Any = recorded.wsgi(closes(log))(environ(), lambda *_: None)
    assert list(iterable) == [b"a", b"b"]
    assert "close" not in log
    iterable.close()
    iterable.close()
    assert log.count("close") == 2


def test_a_server_that_never_closes_loses_nothing(recorded: Recorded) -> None:
    log: Log = []
    iterable: Any = recorded.wsgi(closes(log))(environ(), lambda *_: None)
    assert next(iter(iterable)) == b"a"
    del iterable
    gc.collect()
    assert "close" not in log
    assert recorded.only.sizes.body_bytes == 1


@pytest.mark.parametrize("kind", [FileWrapper, type("SpecialFile", (FileWrapper,), {})])
def test_the_servers_own_file_goes_back_untouched(recorded: Recorded, kind: type) -> None:
    made: list[Any] = []

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        made.append(environ["wsgi.file_wrapper"](BytesIO(b"contents")))
        return made[0]

    returned = recorded.wsgi(application)(environ(**{"wsgi.file_wrapper": kind}), lambda *_: None)
    assert returned is made[0]
    exchange = recorded.only
    assert exchange.status == 200
    assert exchange.sizes.body_bytes == 0
    assert "sends the file itself" in exchange.unseen[0]


def test_a_list_is_no_file_where_the_file_wrapper_is_a_function(recorded: Recorded) -> None:
    answered = serve(recorded.wsgi(one_block([])), environ(**{"wsgi.file_wrapper": lambda file, size=0: file}))
    assert answered.body == b"whole"
    assert recorded.only.sizes.body_bytes == 5


def test_early_hints_and_every_other_object_of_the_server_arrive_as_they_are(recorded: Recorded) -> None:
    hints: Log = []
    request = environ(**{"wsgi.early_hints": hints.append})
    given = dict(request)

    def application(environ: Any, start_response: Any) -> Any:
        assert environ is request
        assert list(environ) == list(given)
        assert all(environ[key] is given[key] for key in given)
        environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload")])
        start_response("200 OK", TYPE)
        return []

    assert serve(recorded.wsgi(application), request).error is None
    assert hints == [[("Link", "</a.css>; rel=preload")]]


def test_headers_are_passed_on_by_identity(recorded: Recorded) -> None:
    """Servers may add to the list they are given, and applications may rely on it."""
    headers = [("X-One", "1")]

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return []

    def start_response(status: str, given: Any, exc_info: Any = None) -> Any:
        assert given is headers
        given.append(("Date", "now"))

    list(recorded.wsgi(application)(environ(), start_response))
    gc.collect()
    assert recorded.only.headers == [["X-One", "1"]]


def test_the_body_is_read_by_the_application_alone(recorded: Recorded) -> None:
    body = BytesIO(b"form=data")

    def application(environ: Any, start_response: Any) -> Any:
        assert body.tell() == 0
        start_response("200 OK", TYPE)
        return [environ["wsgi.input"].read()]

    assert serve(recorded.wsgi(application), environ(CONTENT_LENGTH="9", **{"wsgi.input": body})).body == b"form=data"


def test_a_wrapped_application_inside_another_makes_one_exchange(recorded: Recorded) -> None:
    assert serve(recorded.wsgi(recorded.wsgi(generator([])))).body == b"ab"
    assert len(recorded) == 1
    assert recorded.only.sizes.chunks == 2


def test_an_application_that_calls_itself_for_another_address_is_one_exchange(recorded: Recorded) -> None:
    """As a web server's internal redirect: the client sent one request."""

    def application(request: Any, start_response: Any) -> Any:
        if request["PATH_INFO"] == "/":
            return wrapped(environ("/inner"), start_response)
        start_response("200 OK", TYPE)
        return [b"inner"]

    wrapped = recorded.wsgi(application)
    assert serve(wrapped).body == b"inner"
    assert recorded.only.path == "/"


def test_the_wrapped_application_can_be_found(recorded: Recorded) -> None:
    application = one_block([])
    assert recorded.wsgi(application).__wrapped__ is application


# What is told of it


def told(make: Callable[[Log], Application]) -> Exchange:
    recorded = Recorded()
    serve(recorded.wsgi(make([])))
    return recorded.only


def test_events_are_in_their_order_and_named_as_in_the_specification() -> None:
    assert names(told(generator)) == [
        "wsgi.returned",
        "wsgi.start_response",
        "wsgi.body",
        "wsgi.body",
        "wsgi.close",
    ]
    assert names(told(writes)) == [
        "wsgi.start_response",
        "wsgi.write",
        "wsgi.write",
        "wsgi.returned",
        "wsgi.body",
        "wsgi.close",
    ]


def test_sizes_are_what_crossed_the_interface() -> None:
    sizes = told(writes).sizes
    assert (sizes.body_bytes, sizes.chunks) == (11, 3)
    sizes = told(a_tuple).sizes
    assert (sizes.body_bytes, sizes.chunks) == (2, 3)


def test_the_last_status_counts() -> None:
    exchange = told(corrects_itself)
    assert exchange.status == 500
    assert exchange.headers == [["X-Corrected", "yes"]]
    starts = [event[2:] for event in exchange.trail if event[0] == "wsgi.start_response"]
    assert starts == [["200 OK", False], ["500 Internal Server Error", True]]


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (breaks_before_the_response, None),
        (breaks_after_start_response, "wsgi.start_response"),
        (breaks_in_the_middle, "wsgi.body"),
        (breaks_while_closing, "wsgi.close"),
    ],
)
def test_a_failure_says_what_was_raised_and_after_which_event(make: Any, where: str | None) -> None:
    exchange = told(make)
    assert exchange.failure is not None
    assert exchange.failure.type == f"{__name__}.Broken"
    assert exchange.failure.where == where
    assert not exchange.failure.handled
    assert {frame.file for frame in exchange.failure.frames} <= {__file__, serve.__code__.co_filename}
    assert exchange.failure.frames[-1].code.startswith("raise Broken(")


def test_the_handover_is_what_the_application_was_given() -> None:
    exchange = told(changes_the_environ)
    assert entries(exchange)["PATH_INFO"] == "/"
    assert entries(exchange)["wsgi.url_scheme"] == "http"
    assert exchange.path == "/"


def test_the_request_in_a_few_words() -> None:
    recorded = Recorded()
    request = environ("/caf\xc3\xa9", "a=1", body=b"four", SCRIPT_NAME="/shop")
    serve(recorded.wsgi(one_block([])), request)
    exchange = recorded.only
    assert (exchange.interface, exchange.type, exchange.state) == ("wsgi", "http", "finished")
    assert (exchange.method, exchange.path, exchange.query) == ("POST", "/shop/café", "a=1")
    assert exchange.client == "127.0.0.1:51514"
    assert (exchange.server.name, exchange.server.version) == ("WSGIServer", "0.2")
    assert exchange.sizes.request_bytes == 4
    assert exchange.vantage == "wrapper"


# The specification's own checker


PROPER = [
    one_block,
    a_tuple,
    writes,
    generator,
    closes,
    corrects_itself,
    without_close,
    breaks_before_the_response,
    breaks_in_the_middle,
]


def with_type(make: Callable[[Log], Application]) -> Application:
    """A Content-Type on every answer: wsgiref.validate insists."""
    application = make([])

    def call(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any, *rest: Any) -> Any:
            return start_response(status, [*headers, *TYPE] if headers != TYPE else headers, *rest)

        return application(environ, start)

    return call


@pytest.mark.parametrize("make", PROPER, ids=lambda make: str(make.__name__))
def test_wsgiref_validate_finds_nothing_around_and_inside(
    recorded: Recorded, make: Callable[[Log], Application], capfd: pytest.CaptureFixture[str]
) -> None:
    bare = serve(with_type(make))
    answered = serve(validator(recorded.wsgi(validator(with_type(make)))))  # type: ignore[arg-type]
    assert seen(answered) == seen(bare)
    gc.collect()
    # Its iterator complains on standard error when it was not closed.
    assert capfd.readouterr().err == ""
