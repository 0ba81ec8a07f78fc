"""What is told of a WSGI exchange is what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wsgi_applications
from django_gateway.exchange import Exchange
from recorders import Recorded, entries, environ, names, serve
from wsgi_applications import (
    Application,
    Log,
    a_tuple,
    breaks_after_start_response,
    breaks_before_the_response,
    breaks_in_the_middle,
    breaks_while_closing,
    changes_the_environ,
    corrects_itself,
    generator,
    one_block,
    writes,
)

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
    assert exchange.failure.type == "wsgi_applications.Broken"
    assert exchange.failure.where == where
    assert not exchange.failure.handled
    assert {frame.file for frame in exchange.failure.frames} <= {wsgi_applications.__file__, serve.__code__.co_filename}
    assert exchange.failure.frames[-1].code.startswith("raise Broken(")


def test_the_handover_is_what_the_application_was_given() -> None:
    exchange = told(changes_the_environ)
    assert entries(exchange)["PATH_INFO"] == "/"
    assert entries(exchange)["wsgi.url_scheme"] == "http"
    assert exchange.path == "/"


def test_the_request_in_a_few_words() -> None:
    recorded = Recorded()
    request = environ("/caf\xc3\xa9", "a=1", b"four", SCRIPT_NAME="/shop")
    serve(recorded.wsgi(one_block([])), request)
    exchange = recorded.only
    assert (exchange.interface, exchange.type, exchange.state) == ("wsgi", "http", "finished")
    assert (exchange.method, exchange.path, exchange.query) == ("POST", "/shop/café", "a=1")
    assert exchange.client == "127.0.0.1:51514"
    assert (exchange.server.name, exchange.server.version) == ("WSGIServer", "0.2")
    assert exchange.sizes.request_bytes == 4
    assert exchange.vantage == "wrapper"
