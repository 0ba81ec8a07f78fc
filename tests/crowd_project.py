"""A project whose every part says for which request it works: copied into a site, and asked by many at once.

A request brings its mark in the path; middleware, hooks, views, templates, functions in threads and on the loop,
exceptions, cookies, headers, sizes of chunks and groups of consumers are made of it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asgiref.sync import async_to_sync, sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template import engines
from django.urls import path, re_path
from django.utils.decorators import async_only_middleware

Answer = TypeVar("Answer", bound=HttpResponseBase)

AT_ONCE = 200
PATIENCE = 60.0

_here: set[str] = set()
_lock = threading.Lock()
#: Of its own, since the default one of an event loop is smaller than the crowd.
_pool = ThreadPoolExecutor(8, "crowd")


def _arrived(mark: str) -> None:
    with _lock:
        _here.add(mark)


def together(mark: str) -> None:
    """Once all of the crowd are in their views."""
    _arrived(mark)
    end = time.monotonic() + PATIENCE
    while len(_here) < AT_ONCE:
        assert time.monotonic() < end, f"only {len(_here)} came"
        time.sleep(0.01)


async def together_async(mark: str) -> None:
    _arrived(mark)
    end = time.monotonic() + PATIENCE
    while len(_here) < AT_ONCE:
        assert time.monotonic() < end, f"only {len(_here)} came"
        await asyncio.sleep(0.01)


def sizes(mark: str) -> list[int]:
    """Of the chunks of a streamed answer: nobody else's."""
    number = int(mark[1:5])
    return [1_000 + number, 3_000 + number, 5_000 + number]


def work(mark: str) -> Any:
    """A callable whose type is named after the request, as a crossing tells it."""

    def call(self: Any) -> str:
        time.sleep(0.001)
        return threading.current_thread().name

    return type(f"Work_{mark}", (), {"__call__": call})()


def work_on_the_loop(mark: str) -> Any:
    async def call() -> str:
        await asyncio.sleep(0.001)
        return threading.current_thread().name

    call.__qualname__ = f"Looped_{mark}"
    # What a crossing says of a function is kept by its code: a code of its own for each.
    call.__code__ = call.__code__.replace(co_name=f"looped_{mark}", co_firstlineno=int(mark[1:5]) + 1)
    return call


def marked(request: HttpRequest, mark: str, text: str) -> HttpResponse:
    response = HttpResponse(text, headers={"X-View": mark})
    response.set_cookie(f"c{mark}", mark)
    return response


def rendered(mark: str) -> str:
    return engines["django"].get_template(f"{mark}.html").render({"mark": mark})


class Tagging:
    """Sync, with hooks."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        mark = request.path.split("/")[2]
        request.META["mark"] = mark
        response = self.get_response(request)
        response.headers[f"X-After-{mark}"] = mark
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        assert kwargs["mark"] == request.META["mark"]

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if "rescued" not in str(exception):
            return None
        return HttpResponse("x" * sizes(request.META["mark"])[0], status=503)


@async_only_middleware
def tagging_async(get_response: Any) -> Any:
    async def middleware(request: HttpRequest) -> Any:
        mark = request.path.split("/")[2]
        await asyncio.sleep(0)
        response = await get_response(request)
        response.headers[f"X-Around-{mark}"] = mark
        return response

    return middleware


def told(response: Answer, inside: int, *threads: str) -> Answer:
    """What the view knows itself: the instant at which it was at work, and its threads."""
    response.headers["X-Inside"] = str(inside)
    response.headers["X-Threads"] = ",".join(threads)
    return response


def plain(request: HttpRequest, mark: str) -> HttpResponse:
    body = request.body
    together(mark)
    inside = time.perf_counter_ns()
    here = threading.current_thread().name
    there = async_to_sync(work_on_the_loop(mark))()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return told(marked(request, mark, rendered(mark) + "x" * len(body)), inside, here, there)


async def asynchronous(request: HttpRequest, mark: str) -> HttpResponse:
    body = request.body
    await together_async(mark)
    inside = time.perf_counter_ns()
    # Two beside each other in any threads, one in the request's own.
    beside = sync_to_async(work(mark), thread_sensitive=False, executor=_pool)
    threads = await asyncio.gather(beside(), beside())
    own = await sync_to_async(work(mark))()
    text = rendered(mark)
    return told(marked(request, mark, text + "x" * len(body)), inside, own, *threads)


def streamed(request: HttpRequest, mark: str) -> StreamingHttpResponse:
    together(mark)
    inside = time.perf_counter_ns()

    def chunks() -> Iterator[bytes]:
        for size in sizes(mark):
            rendered(mark)
            yield b"s" * size

    async def achunks() -> AsyncIterator[bytes]:
        for size in sizes(mark):
            await asyncio.sleep(0.001)
            rendered(mark)
            yield b"s" * size

    response = StreamingHttpResponse(achunks() if hasattr(request, "scope") else chunks(), headers={"X-View": mark})
    return told(response, inside, threading.current_thread().name)


def failing(request: HttpRequest, mark: str) -> HttpResponse:
    together(mark)
    raise LookupError(f"rescued {mark}")


urlpatterns = [
    path("plain/<mark>/", plain),
    path("asynchronous/<mark>/", asynchronous),
    path("streamed/<mark>/", streamed),
    path("failing/<mark>/", failing),
]


class Talking(AsyncWebsocketConsumer):
    """Joins a group of its own, and hears by it what it said."""

    async def connect(self) -> None:
        self.mark = self.scope["url_route"]["kwargs"]["mark"]
        await self.channel_layer.group_add(f"group.{self.mark}", self.channel_name)
        headers: Any = [(b"x-accepted", self.mark.encode())]
        await self.accept(headers=headers)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        assert text_data is not None
        if text_data.startswith("close"):
            await self.close(4000 + int(self.mark[1:5]), f"enough {self.mark}")
            return
        await database_sync_to_async(work(self.mark))()
        await self.channel_layer.group_send(f"group.{self.mark}", {"type": f"heard.{self.mark}", "text": text_data})

    def __getattr__(self, name: str) -> Any:
        """The handler of a message whose type is the mark's own."""
        if name == f"heard_{self.__dict__.get('mark')}":
            return self.heard
        raise AttributeError(name)

    async def heard(self, message: dict[str, Any]) -> None:
        await self.send(text_data=message["text"])


class Blocking(WebsocketConsumer):
    """The same in a thread."""

    def connect(self) -> None:
        self.mark = self.scope["url_route"]["kwargs"]["mark"]
        headers: Any = [(b"x-accepted", self.mark.encode())]
        self.accept(headers=headers)

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        assert text_data is not None
        if text_data.startswith("close"):
            self.close(4000 + int(self.mark[1:5]), f"enough {self.mark}")
            return
        async_to_sync(work_on_the_loop(self.mark))()
        self.send(text_data=text_data)


class Echoing(AsyncWebsocketConsumer):
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data=text_data)


websocket_urlpatterns: Any = [
    re_path(r"^talking/(?P<mark>\w+)/$", Talking.as_asgi()),  # type: ignore[arg-type]
    re_path(r"^blocking/(?P<mark>\w+)/$", Blocking.as_asgi()),  # type: ignore[arg-type]
    re_path(r"^echoing/(?P<mark>\w+)/$", Echoing.as_asgi()),  # type: ignore[arg-type]
]
