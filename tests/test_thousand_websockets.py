"""A thousand WebSockets open at once, with messages flowing: recorded in memory that does not grow with the messages."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect

from crowds import SERVERS, crowded, kept, mark_of
from django_gateway.exchange import FINISHED, IN_FLIGHT, Exchange
from django_gateway.stores import Store
from serving import DEADLINE, Serving, Site, until

SOCKETS = 1_000
#: Turns until each has more events than its share, and as many again.
TURNS = 25
#: An exchange by itself might have ten times the events that are assured where so many share.
MAX_EVENTS = 1_000
MEBIBYTE = 1024 * 1024
#: What the events of each may take: a hundred, of some two hundred bytes.
EACH = 64 * 1024

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def files() -> Iterator[None]:
    """Room for so many sockets, here and in the server, which inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * SOCKETS)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = crowded(tmp_path_factory.mktemp("thousand"))
    made.settings(f"GATEWAY = {{'MAX_EVENTS': {MAX_EVENTS}}}")
    return made


def memory(serving: Serving) -> int:
    """Of all of its processes, in bytes."""
    found = 0
    for process in serving.family():
        with suppress(psutil.NoSuchProcess):
            found += process.memory_info().rss
    return found


async def open_all(serving: Serving) -> list[ClientConnection]:
    address = serving.url.replace("http", "ws")
    patience: Any = {"open_timeout": DEADLINE, "close_timeout": DEADLINE, "ping_interval": None}
    found: list[ClientConnection] = []
    for start in range(0, SOCKETS, 50):  # as many as fit into the queue of a listening socket
        some = (f"{address}echoing/{mark_of(number)}/" for number in range(start, start + 50))
        found += await asyncio.gather(*(connect(where, compression=None, **patience) for where in some))
    return found


async def talk(sockets: list[ClientConnection], turns: int) -> None:
    """One message over each and back, some times."""
    for turn in range(turns):
        for number, websocket in enumerate(sockets):
            await websocket.send(f"{mark_of(number)}.{turn}")
        for number, websocket in enumerate(sockets):
            assert await websocket.recv() == f"{mark_of(number)}.{turn}"


def states(store: Store) -> Counter[str]:
    return Counter(one.state for one in store.page(limit=2 * SOCKETS) if one.type == "websocket")


def check(exchange: Exchange) -> None:
    turns = 2 * TURNS
    assert (exchange.sizes.received, exchange.sizes.sent) == (turns, turns)
    assert exchange.close is not None
    assert (exchange.close.code, exchange.close.by) == (1000, "client")
    counted = Counter(event[0] for event in exchange.trail)
    told = counted["websocket.receive"] + counted["websocket.send"]
    assert 0 < told < 2 * turns
    assert exchange.sizes.dropped >= 2 * turns - told
    # What comes once is there, however long the conversation was.
    assert counted["websocket.connect"] == counted["websocket.accept"] == counted["websocket.disconnect"] == 1
    assert len(exchange.trail) < 200


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
async def test_a_thousand(site: Site, server: str) -> None:
    with Serving(site.folder, "--noreload", *SERVERS[server]) as serving, kept(site) as store:
        sockets = await open_all(serving)
        opened = memory(serving)
        await talk(sockets, TURNS)
        full = memory(serving)
        await talk(sockets, TURNS)
        # Each has said twice as much as it has room for: what is kept of it no longer grows.
        assert memory(serving) - full < 8 * MEBIBYTE
        assert full - opened < SOCKETS * EACH
        # In a thread: the sockets here answer the server's pings meanwhile.
        await asyncio.to_thread(until, lambda: states(store)[IN_FLIGHT] == SOCKETS, "not all are seen while open")
        await asyncio.gather(*(websocket.close() for websocket in sockets))
        until(lambda: states(store)[FINISHED] == SOCKETS, "not all were recorded")
        found = [store.get(one.id) for one in store.page(limit=2 * SOCKETS) if one.type == "websocket"]
        assert "Traceback" not in serving.output
    exchanges = [exchange for exchange in found if exchange is not None]
    assert {exchange.path for exchange in exchanges} == {f"/echoing/{mark_of(number)}/" for number in range(SOCKETS)}
    for exchange in exchanges:
        check(exchange)
