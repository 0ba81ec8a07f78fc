"""The test project's streams, and its failures, which need streams to happen in the middle of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any, cast

import pytest
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client

from failures.views import Broken


def chunks(response: Any) -> Iterator[bytes]:
    return cast("Iterator[bytes]", response.streaming_content)


def chunks_async(response: Any) -> AsyncIterator[bytes]:
    return cast("AsyncIterator[bytes]", response.streaming_content)


def first(response: Any) -> bytes:
    """The first chunk; the rest is closed here, not when the garbage collector comes to it.

    The test client ends a request in a generator's ``finally``, Django's receivers set context variables there, and
    before Python 3.12 a collection at the wrong instant makes that a crash (python/cpython#148891).
    """
    with closing(response._iterator):
        return next(chunks(response))


# Streams


def test_sync_stream_is_lazy(client: Client) -> None:
    response = client.get("/streams/sync/?count=100000&ms=60000")
    assert first(response) == b"line 1 of 100000\n"


def test_sync_stream_ends(client: Client) -> None:
    response = client.get("/streams/sync/?count=3&ms=0")
    assert list(chunks(response)) == [b"line 1 of 3\n", b"line 2 of 3\n", b"line 3 of 3\n"]


async def test_async_stream_is_lazy_under_asgi(async_client: AsyncClient) -> None:
    response = await async_client.get("/streams/async/?count=100000&ms=60000")
    content = chunks_async(response)
    assert await anext(content) == b"line 1 of 100000\n"
    await cast("Any", content).aclose()


async def test_events_under_asgi(async_client: AsyncClient) -> None:
    response = await async_client.get("/streams/events/?count=2&ms=0")
    assert response["Content-Type"] == "text/event-stream"
    events = [event async for event in chunks_async(response)]
    assert [event.split(b"\n")[:2] for event in events] == [[b"id: 1", b"event: tick"], [b"id: 2", b"event: tick"]]
    assert all(event.endswith(b"\n\n") for event in events)


def test_events_under_wsgi_come_from_a_sync_iterator(client: Client) -> None:
    response = client.get("/streams/events/?count=100000&ms=60000")
    assert not cast("StreamingHttpResponse", response).is_async
    assert first(response).startswith(b"id: 1\n")


# Failures


def test_failures_before_the_response(client: Client) -> None:
    for path in ("/failures/before/", "/failures/before-async/"):
        with pytest.raises(Broken):
            client.get(path)


def test_a_failure_in_the_middle_comes_after_two_chunks(client: Client) -> None:
    response = client.get("/failures/middle/")
    assert response.status_code == 200
    content = iter(chunks(response))
    assert [next(content), next(content)] == [b"The first piece is out,\n", b"and so is the second,\n"]
    with pytest.raises(Broken):
        next(content)


async def test_an_async_failure_in_the_middle_comes_after_two_chunks(async_client: AsyncClient) -> None:
    response = await async_client.get("/failures/middle-async/")
    content = chunks_async(response)
    assert [await anext(content), await anext(content)] == [b"The first piece is out,\n", b"and so is the second,\n"]
    with pytest.raises(Broken):
        await anext(content)
