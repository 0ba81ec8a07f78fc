"""Small ASGI applications and messages that tests share."""

from __future__ import annotations

from typing import Any

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
END = {"type": "http.response.body", "body": b"done"}


class Broken(Exception):
    pass


async def answers(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(START)
    await send(END)
