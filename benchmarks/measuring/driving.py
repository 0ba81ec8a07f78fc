"""Applications driven as a server drives them, without a server, a socket or a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .requests import BODY, environs, scopes


class WrongAnswerError(Exception):
    """The application did not answer as the view does."""


def drive_wsgi(application: Any) -> Callable[[int], None]:
    """What sends a number of requests, one after the other."""
    make = environs()

    def write(data: bytes) -> None:
        raise WrongAnswerError("write() was called")

    def send(requests: int) -> None:
        statuses: list[str] = []
        size = 0

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:
            statuses.append(status)
            return write

        for _ in range(requests):
            answer = application(make(), start_response)
            try:
                for chunk in answer:
                    size += len(chunk)
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        _check(statuses.count("200 OK"), size, requests)

    return send


def drive_asgi(application: Any) -> Callable[[int], None]:
    """The same on one event loop, each request in a task of its own, as servers do it."""
    make = scopes()
    runner = asyncio.Runner()

    async def answer(count: list[int]) -> None:
        asked = False
        left = asyncio.Event()

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await left.wait()
                return {"type": "http.disconnect"}
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                count[0] += message["status"] == 200
            else:
                count[1] += len(message.get("body", b""))
                if not message.get("more_body"):
                    left.set()

        await application(make(), receive, send)

    async def send_all(requests: int) -> None:
        count = [0, 0]
        for _ in range(requests):
            await asyncio.create_task(answer(count))
        _check(count[0], count[1], requests)

    return lambda requests: runner.run(send_all(requests))


def _check(answered: int, size: int, requests: int) -> None:
    if (answered, size) != (requests, requests * len(BODY)):
        raise WrongAnswerError(f"of {requests} requests {answered} were answered with 200, {size} bytes in all")
