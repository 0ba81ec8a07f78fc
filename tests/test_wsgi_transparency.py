"""Whatever a WSGI application does, its server sees the same with the recorder between them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from recorders import Answered, Recorded, frames, serve, strictly
from wsgi_applications import (
    APPLICATIONS,
    TYPE,
    Application,
    Log,
    a_tuple,
    breaks_before_the_response,
    breaks_in_the_middle,
    bytes_alone,
    closes,
    corrects_itself,
    generator,
    no_bytes,
    one_block,
    without_close,
    writes,
)


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> Iterator[Recorded]:
    make = request.node.callspec.params.get("make") if hasattr(request.node, "callspec") else None
    with strictly(make not in (bytes_alone, no_bytes)):
        yield Recorded()


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
    answered = serve(validator(recorded.wsgi(validator(with_type(make)))))
    assert seen(answered) == seen(bare)
    gc.collect()
    # Its iterator complains on standard error when it was not closed.
    assert capfd.readouterr().err == ""
