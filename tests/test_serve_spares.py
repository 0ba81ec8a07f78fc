"""How many spares there are, and when."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from django_gateway.supervisor.child import Child
from django_gateway.supervisor.spares import Spares
from recorders import until_async


async def test_none_is_started_once_the_end_has_begun() -> None:
    """A worker that is told to end may still have said that it serves, and what it has imported."""

    class Refused(Exception):
        pass

    started = 0

    def start() -> Child:
        nonlocal started
        started += 1
        raise Refused

    spares = Spares(2, start)
    spares.refill()
    spares.end()
    spares.refill()
    spares.learn({"json": sys.modules["json"].__file__})
    with contextlib.suppress(Refused):
        spares._refill()
    assert spares._refilling is None
    assert started == 0
    # Until then it would be.
    loop = asyncio.get_running_loop()
    refused: list[object] = []
    loop.set_exception_handler(lambda _, context: refused.append(context["exception"]))
    Spares(2, start).refill()
    await until_async(lambda: refused)
    assert started == 1
