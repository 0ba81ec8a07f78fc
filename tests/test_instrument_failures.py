"""Failures, signals, and where a recording begins and ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

import recorders
import truth
from chains import STARTPROJECT
from django_gateway import phases
from recorders import names, recorded_process, serve, serve_asgi
from truth import BOTH, asked

pytestmark = pytest.mark.django_db


# Failures


@BOTH
def test_a_failure_has_the_projects_frames_and_none_of_ours(interface: str) -> None:
    exchange = asked(interface, "/raising/", middleware=STARTPROJECT)
    failure = exchange.failure
    assert failure is not None
    assert (failure.type, failure.message, failure.handled) == ("LookupError", "in a helper", True)
    assert [frame.function for frame in failure.frames if frame.file == truth.__file__] == ["raising", "helper"]
    assert failure.frames[-1].code == 'raise LookupError("in a helper")'
    assert not [frame for frame in failure.frames if "/django_gateway/" in frame.file]
    assert failure.where == "django.view.failed"
    assert exchange.status == 500
    view = phases.view(exchange)
    assert view is not None
    assert view.exception == "LookupError"
    assert [layer.status for layer in phases.middleware(exchange)] == [500] * 7


@BOTH
@pytest.mark.parametrize("where", ["/lost/", "/nowhere/"])
def test_not_found_is_an_event_and_no_failure(interface: str, where: str) -> None:
    exchange = asked(interface, where, middleware=STARTPROJECT)
    assert exchange.status == 404
    assert exchange.failure is None
    told = [event[2:] for event in exchange.trail if event[0] == "django.exception"]
    assert [event[1] for event in told] == [404]
    failed = "django.view.failed" if where == "/lost/" else "django.resolver.failed"
    assert failed in names(exchange)


def test_an_exception_that_a_hook_rescues_is_no_failure_of_the_exchange() -> None:
    with override_settings(ROOT_URLCONF="truth", MIDDLEWARE=["chains.MixinHooks"]), recorded_process() as recorded:
        answered = serve(recorded.wsgi(WSGIHandler()), recorders.environ("/raising/", "rescue=1"))
    assert answered.status == "503 Service Unavailable"
    exchange = recorded.only
    assert exchange.failure is None
    assert "django.view.failed" in names(exchange)
    assert [span.fields["hook"] for span in phases.spans(exchange, "django.hook")] == [
        "process_view",
        "process_exception",
    ]


def test_a_stream_that_breaks_off_is_a_failure_with_status_200() -> None:
    exchange = asked("wsgi", "/streamed/", middleware=STARTPROJECT)
    assert exchange.status == 200
    assert exchange.failure is not None
    assert (exchange.failure.type, exchange.failure.handled) == ("ValueError", False)
    assert exchange.failure.where == "wsgi.body"
    assert exchange.sizes.chunks == 2


# Signals, and where a recording begins


def test_signals_are_told_around_their_receivers() -> None:
    wsgi, asgi = asked("wsgi", "/sync/"), asked("asgi", "/sync/")
    for exchange in (wsgi, asgi):
        told = [span.fields["signal"] for span in phases.spans(exchange, "django.signal")]
        assert told == ["request_started", "request_finished"]


@BOTH
def test_without_a_wrapper_the_handler_begins_the_exchange(interface: str) -> None:
    with override_settings(ROOT_URLCONF="truth", MIDDLEWARE=STARTPROJECT), recorded_process() as recorded:
        if interface == "wsgi":
            answered = serve(WSGIHandler(), recorders.environ("/sync/"))
            assert answered.body == b"sync"
        else:
            connection = asyncio.run(serve_asgi(ASGIHandler(), recorders.scope("/sync/")))
            assert connection.body == b"sync"
    exchange = recorded.only
    assert exchange.vantage == "handler"
    assert exchange.status == 200
    assert len(phases.middleware(exchange)) == 7


def test_a_chain_built_before_the_installation_works_as_it_is() -> None:
    with override_settings(ROOT_URLCONF="truth", MIDDLEWARE=STARTPROJECT):
        handler = WSGIHandler()
        with recorded_process() as recorded:
            assert serve(handler, recorders.environ("/sync/")).body == b"sync"
        assert serve(handler, recorders.environ("/sync/")).body == b"sync"
    assert phases.middleware(recorded.only) == []
    assert phases.view(recorded.only) is not None


def test_the_panels_own_requests_are_not_kept() -> None:
    with override_settings(DEBUG=True, MIDDLEWARE=STARTPROJECT), recorded_process() as recorded:
        answered = serve(recorded.wsgi(WSGIHandler()), recorders.environ("/__gateway__/"))
        assert answered.status is not None
        assert len(recorded) == 0
        serve(recorded.wsgi(WSGIHandler()), recorders.environ("/about/"))
    assert recorded.only.path == "/about/"


def test_events_beyond_the_limit_are_counted() -> None:
    with recorded_process(max_events=50) as recorded:

        def application(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [])
            return [b"x"] * 1_000

        serve(recorded.wsgi(application))
    exchange = recorded.only
    assert 20 <= len(exchange.trail) <= 100
    assert exchange.sizes.chunks == exchange.sizes.body_bytes == 1_000
    assert len(names(exchange, "wsgi.body")) + exchange.sizes.dropped == 1_000
    assert exchange.trail[-1][0] == "wsgi.close"
