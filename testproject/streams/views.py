"""Responses that are made while they are sent. ``count`` and ``ms`` in the query say how many pieces, how far apart."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from testproject.parameters import milliseconds, whole_number


def watch(request: HttpRequest) -> HttpResponse:
    return render(request, "streams/watch.html")


def _lines(count: int, seconds: float) -> Iterator[str]:
    for number in range(1, count + 1):
        yield f"line {number} of {count}\n"
        if number < count:
            time.sleep(seconds)


async def _lines_async(count: int, seconds: float) -> AsyncIterator[str]:
    for number in range(1, count + 1):
        yield f"line {number} of {count}\n"
        if number < count:
            await asyncio.sleep(seconds)


def sync_stream(request: HttpRequest) -> StreamingHttpResponse:
    count, seconds = whole_number(request, "count", 10, most=100_000), milliseconds(request, 200)
    return StreamingHttpResponse(_lines(count, seconds), content_type="text/plain; charset=utf-8")


async def async_stream(request: HttpRequest) -> StreamingHttpResponse:
    count, seconds = whole_number(request, "count", 10, most=100_000), milliseconds(request, 200)
    return StreamingHttpResponse(_lines_async(count, seconds), content_type="text/plain; charset=utf-8")


def _event(number: int) -> str:
    return f"id: {number}\nevent: tick\ndata: {json.dumps({'number': number, 'time': time.time()})}\n\n"


def _events(count: int, seconds: float) -> Iterator[str]:
    for number in range(1, count + 1):
        yield _event(number)
        time.sleep(seconds)


async def _events_async(count: int, seconds: float) -> AsyncIterator[str]:
    for number in range(1, count + 1):
        yield _event(number)
        await asyncio.sleep(seconds)


async def events(request: HttpRequest) -> StreamingHttpResponse:
    count, seconds = whole_number(request, "count", 60, most=100_000), milliseconds(request, 1000)
    # Under WSGI Django would collect an async iterator whole before it sends a byte; there a thread is kept instead.
    make = _events_async if isinstance(request, ASGIRequest) else _events
    response = StreamingHttpResponse(make(count, seconds), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response
