"""What holds an event loop up, whom, and how late the loop is then: known truths."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import recorders
from django_gateway import documented, stalls
from django_gateway.exchange import Exchange
from django_gateway.faults import faults
from django_gateway.heartbeat import Heartbeat
from django_gateway.interfaces.asgi import RecordedASGI
from django_gateway.recording import Recorder, Recording

MS = 1_000_000


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/blocks/":
        await asyncio.sleep(0.05)
        blocks()
    await asyncio.sleep(0.3)


def blocks() -> None:
    time.sleep(0.5)


def holds(seconds: float) -> None:
    time.sleep(seconds)


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
    assert loop.longest_step >= 500 * MS
    assert [frame.function for frame in loop.stack or []] == ["application", "blocks"]
    assert (loop.stack or [])[-1].code == "time.sleep(0.5)"


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


# The loop's lag


def test_a_blocking_view_makes_the_loop_late_for_who_waits(exchanges: dict[str, Exchange]) -> None:
    for exchange in exchanges.values():
        assert exchange.loop is not None
        assert exchange.loop.lag is not None
        assert exchange.ended is not None
        assert 500 * MS <= exchange.loop.lag <= exchange.ended - exchange.started
    told = documented.loop(exchanges["/waits/"].loop)
    assert told is not None
    assert told["lag_ms"] >= 500


def test_who_came_later_was_not_held_up() -> None:
    """The same loop, but nothing of what it was late with fell into the second exchange."""

    async def serve() -> None:
        await recorded(recorders.scope("/blocks/"), receive, send)
        await recorded(recorders.scope("/waits/"), receive, send)

    finished: list[Recording] = []
    recorded = RecordedASGI(application, Recorder(finished.append))
    asyncio.run(serve())
    first, second = (recording.exchange() for recording in finished)
    assert first.loop is not None
    assert second.loop is not None
    assert (first.loop.lag or 0) >= 500 * MS
    assert second.loop.lag is not None
    assert second.loop.lag <= (second.ended or 0) - second.started


def test_code_that_is_no_requests_makes_the_loop_late_too() -> None:
    """A task of the project's own holds the loop: no step of an exchange does, only the heartbeat tells."""
    finished: list[Recording] = []
    recorded = RecordedASGI(application, Recorder(finished.append))

    async def serve() -> None:
        exchange = asyncio.ensure_future(recorded(recorders.scope("/waits/"), receive, send))
        await asyncio.sleep(0.1)
        holds(1)
        await exchange

    asyncio.run(serve())
    loop = finished[0].exchange().loop
    assert loop is not None
    assert loop.longest_step < 500 * MS
    # The look that finds it may come 200 ms after it began.
    assert (loop.lag or 0) >= 500 * MS


def test_while_it_hangs_it_is_told_too() -> None:
    finished: list[Recording] = []
    recorder = Recorder(finished.append)
    recorded = RecordedASGI(hangs, recorder)
    free.clear()
    thread = threading.Thread(target=lambda: asyncio.run(recorded(recorders.scope(), receive, send)))
    thread.start()
    try:
        recorders.until(lambda: [each for each in recorder.in_flight.values() if lag_of(each) >= 100 * MS])
    finally:
        free.set()
        thread.join()
    assert lag_of(finished[0]) >= 100 * MS


free = threading.Event()


async def hangs(scope: Any, receive: Any, send: Any) -> None:
    assert free.wait(recorders.DEADLINE)


def lag_of(recording: Recording) -> int:
    loop = recording.exchange().loop
    assert loop is not None
    return loop.lag or 0


class Counting(asyncio.SelectorEventLoop):
    """Counts what other threads hand to it."""

    handed = 0

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        self.handed += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


def test_an_idle_loop_is_left_alone_until_something_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A WebSocket may be open for days."""
    monkeypatch.setattr(stalls, "_LATER", 0.01)
    recorder = Recorder(lambda recording: None)
    loop = Counting()

    def more_than(count: int) -> bool:
        return loop.handed > count

    looks: list[int] = []
    monkeypatch.setattr(recorder.stalls, "_look", lambda: looks.append(loop.handed))

    async def serve() -> None:
        messages: asyncio.Queue[Any] = asyncio.Queue()
        recorded = RecordedASGI(reads, recorder)
        exchange = asyncio.ensure_future(recorded(recorders.scope(), messages.get, send))
        for _ in range(2):
            before = loop.handed
            messages.put_nowait("moves")
            await recorders.until_async(partial(more_than, before))
            # For so many looks nothing was handed to it.
            await recorders.until_async(lambda: len(looks) > 30 and looks[-30] == looks[-1])
        messages.put_nowait(None)
        await exchange

    loop.run_until_complete(serve())
    loop.close()


async def reads(scope: Any, receive: Any, send: Any) -> None:
    while await receive() is not None:
        pass


def test_a_loop_that_is_closed_gets_no_beat() -> None:
    loop = asyncio.new_event_loop()
    heart = Heartbeat(loop)
    loop.close()
    heart.beat(None)
    heart.beat(None)
    assert heart.worst(0, time.perf_counter_ns()) is None


class Odd(asyncio.Task[None]):
    """What stands for another framework's task."""

    @property
    def get_loop(self) -> Any:
        raise AttributeError


def test_without_a_loop_that_can_be_found_the_rest_is_seen() -> None:
    finished: list[Recording] = []
    recorded = RecordedASGI(application, Recorder(finished.append))
    loop = asyncio.new_event_loop()
    made: Any = lambda loop, coroutine, **more: Odd(coroutine, loop=loop, **more)  # noqa: E731
    loop.set_task_factory(made)
    before = faults.count
    loop.run_until_complete(recorded(recorders.scope("/blocks/"), receive, send))
    loop.close()
    told = finished[0].exchange().loop
    assert told is not None
    assert told.stack
    assert told.lag is None
    assert faults.count == before


def test_only_what_fell_into_the_time_counts() -> None:
    heart = Heartbeat(None)
    heart._late = [(1_000, 300), (2_000, 200), (3_000, 100)]
    assert heart.worst(0, 5_000) == 300
    assert heart.worst(900, 5_000) == 200  # of the first, 100 fell into it
    assert heart.worst(1_500, 5_000) == 200
    assert heart.worst(2_500, 5_000) == 100
    assert heart.worst(3_500, 5_000) is None
    assert heart.worst(0, 900) == 200


def test_a_later_beat_takes_the_place_of_those_that_were_earlier() -> None:
    loop = asyncio.new_event_loop()
    heart = Heartbeat(loop)

    async def beats() -> None:
        for number in range(1_000):
            heart.beat(None)
            await asyncio.sleep(0)
            if number == 500:
                heart.beat(None)
                holds(0.05)
        await asyncio.sleep(0)

    loop.run_until_complete(beats())
    loop.close()
    assert (heart.worst(0, time.perf_counter_ns()) or 0) >= 50 * MS
    assert len(heart._late) <= 256
    assert [late for _, late in heart._late] == sorted((late for _, late in heart._late), reverse=True)
