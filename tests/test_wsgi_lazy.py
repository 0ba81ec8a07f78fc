"""What the wrapper leaves as it is: lengths, laziness, close(), the server's own objects."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from recorders import Recorded, environ, serve, strictly
from wsgi_applications import (
    TYPE,
    Application,
    Log,
    a_tuple,
    bytes_alone,
    closes,
    generator,
    no_bytes,
    nothing_at_all,
    one_block,
    without_close,
)


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> Iterator[Recorded]:
    make = request.node.callspec.params.get("make") if hasattr(request.node, "callspec") else None
    with strictly(make not in (bytes_alone, no_bytes)):
        yield Recorded()


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
