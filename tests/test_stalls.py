"""What holds an event loop up, and whom: known truths."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import recorders
from django_gateway.exchange import Exchange
from django_gateway.interfaces.asgi import RecordedASGI
from django_gateway.recording import Recorder, Recording


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/blocks/":
        await asyncio.sleep(0.05)
        blocks()
    await asyncio.sleep(0.3)


def blocks() -> None:
    time.sleep(0.2)


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


async def send(message: Any) -> None:
    pass


def served(*paths: str) -> dict[str, Exchange]:
    """What became of requests that were served at once by one loop."""
    finished: list[Recording] = []
    recorded = RecordedASGI(application, Recorder(finished.append))

    async def serve() -> None:
        await asyncio.gather(*(recorded(recorders.scope(path), receive, send) for path in paths))

    asyncio.run(serve())
    return {recording.path: recording.exchange() for recording in finished}


@pytest.fixture(scope="module")
def exchanges() -> dict[str, Exchange]:
    return served("/blocks/", "/waits/")


def test_the_longest_step_names_its_line(exchanges: dict[str, Exchange]) -> None:
    loop = exchanges["/blocks/"].loop
    assert loop is not None
    assert loop.longest_step >= 200_000_000
    assert [frame.function for frame in loop.stack or []] == ["application", "blocks"]
    assert (loop.stack or [])[-1].code == "time.sleep(0.2)"


def test_who_was_held_up_and_by_whom(exchanges: dict[str, Exchange]) -> None:
    blocking, waiting = exchanges["/blocks/"], exchanges["/waits/"]
    assert blocking.loop is not None
    assert waiting.loop is not None
    assert (blocking.loop.held_up, blocking.loop.held_up_by) == ([waiting.id], [])
    assert (waiting.loop.held_up, waiting.loop.held_up_by) == ([], [blocking.id])


def test_who_only_waits_holds_nobody_up(exchanges: dict[str, Exchange]) -> None:
    loop = exchanges["/waits/"].loop
    assert loop is not None
    assert loop.stack is None


def test_a_loop_that_was_idle_is_looked_at_again() -> None:
    for _ in range(2):
        loop = served("/blocks/")["/blocks/"].loop
        assert loop is not None
        assert loop.stack
