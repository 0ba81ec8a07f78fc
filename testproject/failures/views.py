from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse


class Broken(Exception):
    """Raised on purpose."""


def before(request: HttpRequest) -> HttpResponse:
    raise Broken("before there was a response")


async def before_async(request: HttpRequest) -> HttpResponse:
    raise Broken("before there was a response, on the event loop")


def _pieces() -> Iterator[str]:
    yield "The first piece is out,\n"
    yield "and so is the second,\n"
    raise Broken("in the middle of the response")


async def _pieces_async() -> AsyncIterator[str]:
    for piece in ("The first piece is out,\n", "and so is the second,\n"):
        yield piece
    raise Broken("in the middle of the response, on the event loop")


def middle(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_pieces(), content_type="text/plain")


async def middle_async(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_pieces_async(), content_type="text/plain")
