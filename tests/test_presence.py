"""With the instrumentation installed Django does what it does without: Django's own tests would not notice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import signals
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import override_settings
from django.urls import path

import chains
import recorders
from chains import LISTS, hooks, layers
from presence import HANDLERS, ask, wrapped
from recorders import recorded_process, serve, serve_asgi

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
    closed: Any = 0

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
            serve(recorded.wsgi(WSGIHandler()), recorders.environ(where, "", b"a=1&b=2", CONTENT_TYPE=form))
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
