"""How servers on asyncio stop accepting, and lose nothing of what they have accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


def stop(servers: Iterable[asyncio.Server]) -> None:
    """Have them accept no more; they are closed later.

    Closing one drops what it has accepted in the same round of the loop: these connections are set up in the next one,
    when they find it closed (CPython's ``asyncio.base_events.Server._attach``). Other loops than asyncio's own set up
    what they accept at once.
    """
    for server in servers:
        loop = server.get_loop()
        if isinstance(loop, asyncio.SelectorEventLoop):
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        else:
            server.close()
