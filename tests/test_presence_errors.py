"""Errors are logged, shown and signalled as without the recorder."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from typing import Any

import pytest
from django.core import signals
from django.core.handlers import exception
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

import chains
import recorders
from chains import LISTS
from presence import HANDLERS, ask, wrapped
from recorders import frames, recorded_process, serve, serve_asgi

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning"),
    pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning"),
]


# Errors


def pages(logged: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The frames of the exceptions that were logged."""
    return [frame for record in logged.records if record.exc_info for frame in frames(record.exc_info[1])]


#: Django's own wrapper of each layer. Ours does its work while a request is recorded, so its frame is not there.
WRAPPER = (exception.__file__, "inner")


def projects(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [frame for frame in found if frame != WRAPPER]


ERRORS = ["/failing/", "/failing-async/", "/nowhere/"]


@pytest.mark.parametrize("where", ERRORS)
@pytest.mark.parametrize("middleware", ["empty", "startproject", "classes", "functions"])
@pytest.mark.parametrize("interface", HANDLERS)
def test_logged_tracebacks_are_as_without(
    interface: str, middleware: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(MIDDLEWARE=LISTS[middleware], ROOT_URLCONF="chains"):
        ask(HANDLERS[interface](), where)
        bare = pages(caplog)
        caplog.clear()
        with recorded_process() as recorded:
            ask(wrapped(recorded, interface), where)
    assert projects(pages(caplog)) == projects(bare)
    assert not [frame for frame in pages(caplog) if "django_gateway" in frame[0]]


def shown(page: bytes) -> list[tuple[str, str]]:
    """Files of the debug page's traceback, in its order."""
    return re.findall(r'<code class="fname">([^<]+)</code>, line \d+, in (\w+)', page.decode())


@pytest.mark.parametrize("where", ["/failing/", "/failing-async/"])
@pytest.mark.parametrize("interface", HANDLERS)
def test_the_debug_page_shows_the_frames_it_shows_without(interface: str, where: str) -> None:
    with override_settings(MIDDLEWARE=LISTS["startproject"], ROOT_URLCONF="chains", DEBUG=True):
        _, bare = ask(HANDLERS[interface](), where)
        with recorded_process() as recorded:
            _, page = ask(wrapped(recorded, interface), where)
    files = [frame for frame in shown(page) if frame[0] != exception.__file__]
    assert files == [frame for frame in shown(bare) if frame[0] != exception.__file__]
    assert files[-1][0] == chains.__file__
    assert b"django_gateway/" not in page


@pytest.mark.parametrize("where", ["/failing/", "/failing-async/"])
def test_an_exception_is_signalled_once(where: str) -> None:
    senders: list[Any] = []

    def got(sender: Any, request: Any, **named: Any) -> None:
        assert isinstance(sys.exc_info()[1], ValueError)
        senders.append(sender)

    signals.got_request_exception.connect(got)
    try:
        with override_settings(MIDDLEWARE=LISTS["mixed"], ROOT_URLCONF="chains"):
            for interface, make in HANDLERS.items():
                ask(make(), where)
                with recorded_process() as recorded:
                    ask(wrapped(recorded, interface), where)
    finally:
        signals.got_request_exception.disconnect(got)
    assert senders == [None] * 4


def test_exceptions_that_are_to_propagate_do(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    with override_settings(MIDDLEWARE=LISTS["startproject"], ROOT_URLCONF="chains"), recorded_process() as recorded:
        answered = serve(recorded.wsgi(WSGIHandler()), recorders.environ("/failing/"))
        connection = asyncio.run(serve_asgi(recorded.asgi(ASGIHandler()), recorders.scope("/failing-async/")))
    assert isinstance(answered.error, ValueError)
    assert isinstance(recorders.raised(connection), ValueError)
    assert [exchange.failure is not None and exchange.failure.handled for exchange in recorded.exchanges] == [False] * 2
    # Django does not close the request's body then: let that be seen here.
    del answered, connection
    caplog.clear()
    gc.collect()
