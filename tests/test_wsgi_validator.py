"""wsgiref.validate around and inside the recorder, on every view of the test project with its inside watched."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest
from django.core.handlers.wsgi import WSGIHandler

from addresses import ADDRESSES, Address
from recorders import Answered, names, recorded_process, serve

pytestmark = [
    pytest.mark.django_db,
    # What an async stream under WSGI deserves, and has without the recorder too.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators:Warning"),
]


def ask(application: Any, address: Address, **changes: Any) -> Answered:
    return serve(application, address.environ(**changes))


def answer(answered: Answered) -> dict[str, Any]:
    """What the client and the server get, without what changes from request to request."""
    changing = {"Set-Cookie", "Content-Length", "Last-Modified", "Expires"}
    return {
        "status": answered.status,
        "headers": sorted(header for header in answered.headers if header[0] not in changing),
        "chunks": len(answered.chunks),
        "error": None if answered.error is None else (type(answered.error), answered.error.args),
    }


# wsgiref's own wrapper of an iterable trips over one that raises in iter(), as Django's does for an async stream.
@pytest.mark.parametrize("address", [a for a in ADDRESSES if a.path != "/failures/middle-async/"], ids=str)
def test_nothing_to_say(address: Address, capfd: pytest.CaptureFixture[str]) -> None:
    bare = ask(validator(WSGIHandler()), address)
    gc.collect()
    complaints = capfd.readouterr().err
    with recorded_process() as recorded:
        inside = validator(WSGIHandler())
        answered = ask(validator(recorded.wsgi(inside)), address)
    assert answer(answered) == answer(bare)
    assert answered.status is not None
    assert int(answered.status[:3]) == address.status
    assert not isinstance(answered.error, AssertionError)
    gc.collect()
    assert capfd.readouterr().err == complaints
    exchange = recorded.only
    assert exchange.status == address.status
    assert exchange.sizes.body_bytes == len(answered.body)
    assert exchange.sizes.request_bytes == len(address.body)


def without_validator(wrap: Callable[[Any], Any], address: Address) -> Answered:
    return ask(wrap(WSGIHandler()), address, **{"wsgi.file_wrapper": FileWrapper})


def steady(chunk: bytes) -> bytes:
    """Without tokens and the time of day."""
    return re.sub(rb'(?<=value=")\w{64}(?=")|[\d.]+', b"", chunk)


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a.method != "HEAD"], ids=str)
def test_the_same_bytes_in_the_same_chunks(address: Address) -> None:
    bare = without_validator(lambda application: application, address)
    with recorded_process() as recorded:
        answered = without_validator(recorded.wsgi, address)
    assert answer(answered) == answer(bare)
    assert [steady(chunk) for chunk in answered.chunks] == [steady(chunk) for chunk in bare.chunks]


def test_django_hands_over_the_servers_own_file(settings: Any) -> None:
    with recorded_process() as recorded:
        answered = without_validator(recorded.wsgi, Address("/transfers/download/"))
    assert type(answered.iterable) is FileWrapper
    assert answered.body.startswith(b"<svg")
    assert recorded.only.match is not None
    assert recorded.only.match.url_name == "download"


def test_a_stream_that_django_collects_first_fails_where_it_is_collected() -> None:
    with recorded_process() as recorded:
        answered = without_validator(recorded.wsgi, Address("/failures/middle-async/"))
    exchange = recorded.only
    assert type(answered.error).__name__ == "Broken"
    assert exchange.failure is not None
    assert exchange.failure.type == "failures.views.Broken"
    assert "crossing.to_loop" in names(exchange)
