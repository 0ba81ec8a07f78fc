"""Two hundred WebSockets at a time on real servers, each with a mark of its own: in no event is there another's."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from websockets.asyncio.client import ClientConnection, connect

from crowd_project import AT_ONCE
from crowds import SERVERS, crowded, in_its_own_time, kept, mark_of, nothing_of_another, recorded
from django_gateway import phases
from django_gateway.document import document
from django_gateway.exchange import Exchange
from serving import DEADLINE, Serving, Site

ROUNDS = 3
LEAVING = 20
CONSUMERS = ["talking", "blocking"]


def text_of(number: int, turn: int) -> str:
    """Its length is nobody else's in that turn."""
    mark = mark_of(number)
    return f"{mark}.{turn}.".ljust(100 + number + 300 * turn, "x")


async def converse(serving: Serving) -> None:
    """All connect, then all speak at once, some turns long; every second is closed by its consumer."""
    address = serving.url.replace("http", "ws")

    async def open_one(number: int) -> ClientConnection:
        mark = mark_of(number)
        where = f"{address}{CONSUMERS[number % 2]}/{mark}/?mark={mark}"
        return await connect(
            where,
            additional_headers={"X-Request-ID": mark, "X-Own": mark},
            compression=None,
            open_timeout=DEADLINE,
            close_timeout=DEADLINE,
            ping_interval=None,
        )

    async def speak(number: int, websocket: ClientConnection, turn: int) -> None:
        await websocket.send(text_of(number, turn))
        assert await websocket.recv() == text_of(number, turn)

    async def leave(number: int, websocket: ClientConnection) -> None:
        if number % 4 < 2:
            await websocket.send(f"close {mark_of(number)}")
            await websocket.wait_closed()
            assert websocket.close_code == 4000 + number
        else:
            await websocket.close(3000 + number, f"bye {mark_of(number)}")

    sockets = list(enumerate(await asyncio.gather(*map(open_one, range(AT_ONCE)))))
    for turn in range(ROUNDS):
        await asyncio.gather(*(speak(number, websocket, turn) for number, websocket in sockets))
    # A few at a time: Daphne cuts off whoever does not answer its goodbye within a second, as 200 at once may not.
    for first in range(0, AT_ONCE, LEAVING):
        await asyncio.gather(*(leave(number, websocket) for number, websocket in sockets[first : first + LEAVING]))


def own_conversation(exchange: Exchange, number: int, bye: str) -> None:
    mark = mark_of(number)
    lengths = [len(text_of(number, turn)) for turn in range(ROUNDS)]
    closing = [len(f"close {mark}")] if number % 4 < 2 else []
    told = document(exchange)
    for direction, sizes_told in (("received", lengths + closing), ("sent", lengths)):
        messages = [message for message in told["messages"] if message["direction"] == direction]
        assert [message["size"] for message in messages] == sizes_told
        assert all(mark in message["excerpt"] for message in messages)
    assert (exchange.sizes.received, exchange.sizes.sent) == (len(lengths + closing), len(lengths))
    assert exchange.headers == [["x-accepted", mark]]
    assert exchange.close is not None
    assert (exchange.close.code, exchange.close.by, exchange.close.reason) == (
        (4000 + number, "application", f"enough {mark}") if number % 4 < 2 else (3000 + number, "client", bye)
    )
    assert exchange.request_id == mark
    consumer = "Talking" if number % 2 == 0 else "Blocking"
    handlers = Counter((each["consumer"], each["handler"]) for each in told["channels"]["dispatches"])
    named = f"mysite.crowd.{consumer}"
    assert handlers[named, "websocket_receive"] == len(lengths + closing)
    operations = Counter(
        (each["operation"], each["group"] or each["type"])
        for each in told["channels"]["operations"]
        if each["operation"] != "group_discard"
    )
    if number % 2:
        assert handlers.keys() == {(named, f"websocket_{step}") for step in ("connect", "receive", "disconnect")}
        work = f"Looped_{mark}"
    else:
        assert handlers[named, f"heard_{mark}"] == ROUNDS
        assert operations["group_add", f"group.{mark}"] == 1
        assert operations["group_send", f"group.{mark}"] == ROUNDS
        assert operations["receive", f"heard.{mark}"] == ROUNDS
        work = f"Work_{mark}"
    functions = Counter(crossing.function for crossing in phases.crossings(exchange))
    assert sum(times for name, times in functions.items() if name.endswith(work)) == ROUNDS


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return crowded(tmp_path_factory.mktemp("crowd"))


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
async def test_websockets(site: Site, server: str) -> None:
    with Serving(site.folder, "--noreload", *SERVERS[server]) as serving, kept(site) as store:
        await converse(serving)
        exchanges = recorded(store, "websocket")
    for number in range(AT_ONCE):
        mark = mark_of(number)
        nothing_of_another(exchanges[mark], mark)
        in_its_own_time(exchanges[mark])
        # Daphne passes no reason on, in neither direction.
        own_conversation(exchanges[mark], number, "" if server == "daphne" else f"bye {mark}")
