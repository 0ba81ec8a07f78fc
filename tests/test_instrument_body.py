"""Who reads the request's body, and who listens to signals."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.dispatch import Signal
from django.http import HttpRequest
from django.test import override_settings
from django.utils.deprecation import MiddlewareMixin

import recorders
from chains import STARTPROJECT
from django_gateway import routing
from django_gateway.document import document
from inner_site import BOTH, HERE, asked
from recorders import recorded_process, serve


def outside(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


class PostReading(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> None:
        request.POST.get("a")


@BOTH
@pytest.mark.parametrize(
    ("how", "expected", "body"),
    [
        ("body", [("body", 6)], b"a=bcdea=bcde"),
        ("post", [("POST", None)], b"bcdebcde"),
        ("stream", [("read", 4)], b"a=bc|de"),
        ("lines", [("readline", 6)], b"a=bcde"),
        ("nothing", [], b"not read"),
    ],
)
def test_who_reads_the_body(interface: str, how: str, expected: list[Any], body: bytes) -> None:
    exchange, answered = asked(interface, "/reading/", query=f"how={how}", body=b"a=bcde")
    reads = document(exchange)["body_reads"]
    assert [(read["how"], read["size"]) for read in reads] == expected
    assert all(read["by"].startswith(f"{HERE}.reading") for read in reads)
    assert all(read["exception"] is None and read["ms"] >= 0 for read in reads)
    assert answered == body


@BOTH
def test_a_middleware_that_reads_before_the_view(interface: str) -> None:
    exchange, answered = asked(interface, "/reading/", [f"{__name__}.PostReading"], "how=post", b"a=bcde")
    (read,) = document(exchange)["body_reads"]
    assert read["by"].startswith(f"{__name__}.PostReading.process_request:")
    assert answered == b"bcdebcde"


@BOTH
def test_a_body_asked_for_too_late(interface: str) -> None:
    exchange, answered = asked(interface, "/reading/", query="how=too+late", body=b"a=bcde")
    first, second = document(exchange)["body_reads"]
    assert (first["how"], first["size"]) == ("read", 1)
    assert (second["how"], second["exception"]) == ("body", "RawPostDataException")
    assert answered == b"too late"


@BOTH
def test_a_get_reads_nothing(interface: str) -> None:
    exchange, _ = asked(interface, "/first/", [f"{__name__}.PostReading", *STARTPROJECT])
    assert routing.reads(exchange) == []


# Signals


def listening(**kwargs: Any) -> None:
    return None


async def listening_async(**kwargs: Any) -> None:
    return None


def test_receivers_come_and_go() -> None:
    with override_settings(ROOT_URLCONF=HERE, MIDDLEWARE=[]), recorded_process() as recorded:
        application = recorded.wsgi(WSGIHandler())

        def told(name: str) -> list[tuple[str, str]]:
            serve(application, recorders.environ("/first/"))
            receivers = document(recorded.exchanges[-1])["receivers"]
            return [(each["name"], each["mode"]) for each in receivers[name]]

        before = told("request_started")
        request_started.connect(listening)
        request_finished.connect(listening_async)
        try:
            assert told("request_started") == [*before, (f"{__name__}.listening", "sync")]
            assert (f"{__name__}.listening_async", "async") in told("request_finished")
        finally:
            request_started.disconnect(listening)
            request_finished.disconnect(listening_async)
        assert told("request_started") == before
        # Any other signal is none of ours.
        Signal().connect(listening)
        assert told("request_started") == before
