"""With the instrumentation installed Django does what it does without: Django's own tests would not notice."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import AsyncToSync, SyncToAsync
from django.core import signals
from django.core.handlers import base, exception
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.backends.django import Template
from django.template.response import TemplateResponse
from django.test import override_settings
from django.urls import path

import chains
import recorders
from chains import LISTS, hooks, layers
from django_gateway import instrument
from django_gateway.interfaces.wsgi import RecordedWSGI
from recorders import Recorded, frames, recorded_process, serve, serve_asgi

HANDLERS: dict[str, Callable[[], BaseHandler]] = {"wsgi": WSGIHandler, "asgi": ASGIHandler}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning"),
    pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning"),
]


# The chain


@pytest.mark.parametrize("interface", HANDLERS)
@pytest.mark.parametrize("middleware", LISTS)
def test_the_chain_is_as_without(interface: str, middleware: str) -> None:
    with override_settings(MIDDLEWARE=LISTS[middleware], ROOT_URLCONF="chains"):
        bare = HANDLERS[interface]()
        with recorded_process():
            handler = HANDLERS[interface]()
        assert list(layers(handler)) == list(layers(bare))
        assert hooks(handler) == hooks(bare)
    expected = len(LISTS[middleware]) - sum("NotUsed" in name for name in LISTS[middleware])
    assert len(list(layers(bare))) == expected + 1


@pytest.mark.parametrize("interface", HANDLERS)
@pytest.mark.parametrize("middleware", LISTS)
@pytest.mark.parametrize("address", ["/sync/", "/async/", "/failing/", "/failing-async/?rescue"])
def test_it_answers_as_without(interface: str, middleware: str, address: str) -> None:
    where, _, query = address.partition("?")
    with override_settings(MIDDLEWARE=LISTS[middleware], ROOT_URLCONF="chains"):
        bare = ask(HANDLERS[interface](), where, query)
        with recorded_process() as recorded:
            told = ask(wrapped(recorded, interface), where, query)
    assert told == bare
    exchange = recorded.only
    assert exchange.status == bare[0]
    assert exchange.sizes.body_bytes == len(bare[1])


def wrapped(recorded: Recorded, interface: str) -> Any:
    return recorded.wsgi(WSGIHandler()) if interface == "wsgi" else recorded.asgi(ASGIHandler())


def ask(application: Any, where: str, query: str = "") -> tuple[int, bytes]:
    """Status and body."""
    if isinstance(application, (WSGIHandler, RecordedWSGI)):
        answered = serve(application, recorders.environ(where, query))
        assert answered.status is not None, answered.error
        return int(answered.status[:3]), answered.body
    connection = asyncio.run(serve_asgi(application, recorders.scope(where, query)))
    assert connection.status is not None, connection.task.exception()
    return connection.status, connection.body


# The request's body


seen: dict[str, Any] = {}


def untouched(request: HttpRequest) -> HttpResponse:
    seen["body"] = "_body" in vars(request)
    seen["started"] = request._read_started  # type: ignore[attr-defined]
    seen["post"] = "_post" in vars(request)
    seen["first"] = request.read(4)
    return HttpResponse("read", content_type="text/plain")


async def untouched_async(request: HttpRequest) -> HttpResponse:
    return untouched(request)


class Counting(HttpResponse):
    closed = 0

    def close(self) -> None:
        type(self).closed += 1
        super().close()


def counting(request: HttpRequest) -> HttpResponse:
    return Counting("content")


class Chunks:
    """Closable, as a file is."""

    def __init__(self) -> None:
        self.left = 2
        seen["chunks closed"] = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise StopIteration
        return b"chunk"

    def close(self) -> None:
        seen["chunks closed"] += 1


def streaming(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(Chunks())


def templated(request: HttpRequest) -> TemplateResponse:
    return TemplateResponse(request, engines["django"].from_string("rendered"))


class SeesRendering(chains.MixinHooks):
    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        seen.setdefault("rendered", []).append(("template hook", response.is_rendered))
        response.add_post_render_callback(lambda r: seen["rendered"].append(("callback", r.is_rendered)))
        return response

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        seen.setdefault("rendered", []).append(("response hook", getattr(response, "is_rendered", None)))
        return response


urlpatterns = [
    path("untouched/", untouched),
    path("untouched-async/", untouched_async),
    path("counting/", counting),
    path("streaming/", streaming),
    path("templated/", templated),
]


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()
    Counting.closed = 0


def own(*middleware: str) -> Any:
    return override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=list(middleware))


@pytest.mark.parametrize("where", ["/untouched/", "/untouched-async/"])
@pytest.mark.parametrize("interface", HANDLERS)
def test_no_view_finds_the_body_read(interface: str, where: str) -> None:
    form = "application/x-www-form-urlencoded"
    with own(*LISTS["classes"]), recorded_process() as recorded:
        if interface == "wsgi":
            serve(recorded.wsgi(WSGIHandler()), recorders.environ(where, body=b"a=1&b=2", CONTENT_TYPE=form))
        else:
            headers = [(b"host", b"testserver"), (b"content-type", form.encode()), (b"content-length", b"7")]
            request = recorders.scope(where, method="POST", headers=headers)
            asyncio.run(serve_asgi(recorded.asgi(ASGIHandler()), request, b"a=1&b=2"))
    assert seen == {"body": False, "started": False, "post": False, "first": b"a=1&"}
    assert recorded.only.sizes.request_bytes == 7


@pytest.mark.parametrize("interface", HANDLERS)
def test_templates_are_rendered_when_django_renders_them(interface: str) -> None:
    with own(f"{__name__}.SeesRendering"):
        ask(HANDLERS[interface](), "/templated/")
        bare = seen.pop("rendered")
        with recorded_process() as recorded:
            ask(wrapped(recorded, interface), "/templated/")
    assert seen["rendered"] == bare == [("template hook", False), ("callback", True), ("response hook", True)]


# close()


@pytest.mark.parametrize("interface", HANDLERS)
def test_a_response_is_closed_as_often_as_without(interface: str) -> None:
    finished: list[Any] = []

    def count(sender: Any, **named: Any) -> None:
        finished.append(sender)

    with own():
        signals.request_finished.connect(count)
        try:
            ask(HANDLERS[interface](), "/counting/")
            bare, Counting.closed = Counting.closed, 0
            senders = finished.copy()
            finished.clear()
            with recorded_process() as recorded:
                ask(wrapped(recorded, interface), "/counting/")
        finally:
            signals.request_finished.disconnect(count)
    assert Counting.closed == bare == 1
    assert finished == senders == [HANDLERS[interface]]


def test_a_response_is_closed_by_the_server_alone() -> None:
    with own(), recorded_process() as recorded:
        iterable: Any = recorded.wsgi(WSGIHandler())(recorders.environ("/streaming/"), lambda *_: None)
        assert list(iterable) == [b"chunk", b"chunk"]
        assert seen["chunks closed"] == 0
        assert len(recorded) == 0
        iterable.close()
    assert seen["chunks closed"] == 1
    assert len(recorded) == 1


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


# Recording off


def everything_patched() -> dict[str, Any]:
    """What the instrumentation puts its hand on."""
    return {
        f"{getattr(owner, '__name__', owner)}.{name}": vars(owner).get(name)
        for owner, name in [
            (WSGIHandler, "__call__"),
            (ASGIHandler, "__call__"),
            (ASGIHandler, "run_get_response"),
            (ASGIHandler, "send_response"),
            (BaseHandler, "load_middleware"),
            (BaseHandler, "resolve_request"),
            (BaseHandler, "make_view_atomic"),
            (base, "convert_exception_to_response"),
            (exception, "response_for_exception"),
            (exception, "convert_exception_to_response"),
            (Template, "render"),
            (SyncToAsync, "__call__"),
            (AsyncToSync, "__call__"),
            (signals.request_started, "send"),
            (signals.request_started, "asend"),
            (signals.request_finished, "send"),
            (signals.request_finished, "asend"),
        ]
    }


def test_what_is_installed_is_taken_out_again_to_the_last() -> None:
    before = everything_patched()
    with recorded_process():
        during = everything_patched()
        patched = {(getattr(owner, "__name__", str(owner)), name) for owner, name, _ in instrument._installed}
        instrument.install()
        assert everything_patched() == during
    after = everything_patched()
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    changed = [name for name in before if during[name] is not before[name]]
    # Nothing is patched that the list above does not know.
    assert len(changed) == len(patched)
    assert not instrument.is_installed()


OFF = """
import sys
from django.conf import settings
settings.configure(
    DEBUG=True, SECRET_KEY="-", ROOT_URLCONF="chains", MIDDLEWARE=[], ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django_gateway"], GATEWAY={"ENABLED": ENABLED}, BASE_DIR=FOLDER,
)
import asgiref.sync
from django.core.handlers import base, exception, wsgi
before = [
    asgiref.sync.SyncToAsync.__call__, base.convert_exception_to_response, exception.response_for_exception,
    base.BaseHandler.load_middleware, wsgi.WSGIHandler.__call__,
]
import django
django.setup()
after = [
    asgiref.sync.SyncToAsync.__call__, base.convert_exception_to_response, exception.response_for_exception,
    base.BaseHandler.load_middleware, wsgi.WSGIHandler.__call__,
]
from django.core.wsgi import get_wsgi_application
from django_gateway import record_asgi, record_wsgi
application = get_wsgi_application()
print(
    [a is b for a, b in zip(before, after)],
    record_wsgi(application) is application,
    record_asgi(application) is application,
    sorted(name for name in sys.modules if name.startswith("django_gateway.in")),
)
"""


@pytest.mark.parametrize("enabled", [False, True])
def test_recording_off_leaves_no_trace(tmp_path: Path, enabled: bool) -> None:
    code = OFF.replace("ENABLED}", f"{enabled}}}").replace("FOLDER", repr(str(tmp_path)))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GATEWAY_", "DJANGO_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [*recorders.PYTHON, "-c", code], capture_output=True, text=True, env=environment, check=False, timeout=60
    )
    assert done.stderr == ""
    if enabled:
        assert done.stdout.startswith("[False, False, False, False, False] False False ['django_gateway.instrument'")
    else:
        assert done.stdout == "[True, True, True, True, True] True True []\n"
    assert not (tmp_path / ".gateway").exists()


def test_logging_is_left_alone() -> None:
    before = logging.root.handlers.copy()
    importlib.import_module("django_gateway.instrument.handler")
    assert logging.root.handlers == before
