"""Clocks: what the operating system and the event loop gave to one exchange."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from django_gateway import clocks
from django_gateway.clocks import Steps, ThreadClock, stepped, thread_clock
from django_gateway.exchange import Scheduler

MS = 1_000_000


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def measured(action: Any) -> Scheduler:
    clock = ThreadClock()
    start = clock.start()
    action()
    found = clock.since(start)
    assert found is not None
    return found


# The thread


def burn_and_sleep() -> None:
    burn(0.01)
    time.sleep(0.01)


def test_computing_is_running() -> None:
    scheduler = measured(lambda: burn(0.03))
    assert scheduler.running >= 30 * MS


def test_sleeping_is_sleeping() -> None:
    scheduler = measured(lambda: time.sleep(0.03))
    assert scheduler.sleeping + (scheduler.ready or 0) >= 29 * MS
    assert scheduler.voluntary is not None
    assert scheduler.voluntary >= 1


def test_the_parts_are_no_more_than_the_whole() -> None:
    before = time.perf_counter_ns()
    scheduler = measured(burn_and_sleep)
    whole = time.perf_counter_ns() - before
    parts = [scheduler.running, scheduler.ready or 0, scheduler.sleeping]
    assert min(parts) >= 0
    assert 20 * MS <= sum(parts) <= whole


def test_switches_before_the_exchange_are_not_its_own() -> None:
    """Many a time switched before it begins: the exchange itself sleeps once, of its own will."""
    clock = ThreadClock()
    clock.since(clock.start())
    other = threading.Thread(target=burn, args=(0.05,))
    other.start()
    burn(0.05)
    other.join()
    before = resource.getrusage(resource.RUSAGE_THREAD)
    start = clock.start()
    time.sleep(0.02)
    scheduler = clock.since(start)
    after = resource.getrusage(resource.RUSAGE_THREAD)
    assert scheduler is not None
    assert scheduler.voluntary is not None
    assert scheduler.involuntary is not None
    assert 1 <= scheduler.voluntary <= after.ru_nvcsw - before.ru_nvcsw
    assert scheduler.involuntary <= after.ru_nivcsw - before.ru_nivcsw


def test_another_thread_has_other_times() -> None:
    start = thread_clock.start()
    found: list[Scheduler | None] = []
    thread = threading.Thread(target=lambda: found.append(thread_clock.since(start)))
    thread.start()
    thread.join()
    assert found == [None]


def test_descriptors_end_with_their_threads() -> None:
    """A development server makes a thread for each connection."""

    def use() -> None:
        thread_clock.since(thread_clock.start())

    def run(count: int) -> int:
        for _ in range(count):
            thread = threading.Thread(target=use)
            thread.start()
            thread.join()
        return len(os.listdir("/proc/self/fd"))

    before = run(2)
    assert run(50) <= before


def test_a_forked_child_reads_its_own_thread() -> None:
    thread_clock.since(thread_clock.start())
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(20)
            start = thread_clock.start()
            time.sleep(0.02)
            burn(0.01)
            scheduler = thread_clock.since(start)
            assert scheduler is not None
            assert scheduler.running >= 10 * MS
            assert scheduler.sleeping >= 15 * MS
            # The parent's descriptor tells of a thread that does not move here: no ready time, no switch.
            assert scheduler.voluntary is not None
            assert scheduler.voluntary >= 1
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == 0


def test_without_linux_files_cpu_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "_pread", None)
    scheduler = measured(burn_and_sleep)
    assert scheduler.running >= 10 * MS
    assert scheduler.sleeping >= 9 * MS
    assert (scheduler.ready, scheduler.voluntary, scheduler.involuntary) == (None, None, None)


def test_without_getrusage_no_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "_RUSAGE_THREAD", None)
    scheduler = measured(lambda: time.sleep(0.01))
    assert scheduler.ready is not None
    assert (scheduler.voluntary, scheduler.involuntary) == (None, None)


# The loop


def run(coroutine: Any) -> tuple[Any, Steps]:
    steps = Steps()

    async def main() -> Any:
        return await stepped(coroutine, steps)

    return asyncio.run(main()), steps


def test_steps_are_counted_and_timed() -> None:
    async def work() -> str:
        burn(0.02)
        await asyncio.sleep(0)
        burn(0.005)
        await asyncio.sleep(0.02)
        return "done"

    result, steps = run(work())
    assert result == "done"
    assert steps.count == 3
    assert steps.longest >= 20 * MS
    assert steps.running >= 25 * MS
    assert steps.running >= steps.longest
    loop = steps.loop(10_000 * MS)
    assert (loop.running, loop.steps, loop.longest_step) == (steps.running, 3, steps.longest)
    assert loop.suspended == 10_000 * MS - steps.running
    assert steps.loop(0).suspended == 0


class Awaitable:
    """Yields what it is told, and returns what it is sent."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __await__(self) -> Generator[Any, Any, list[Any]]:
        received = []
        for value in self.values:
            received.append((yield value))
        return received


def test_values_go_both_ways_unchanged() -> None:
    async def work() -> Any:
        return await Awaitable("first", "second")

    driven = stepped(work(), Steps())
    assert driven.send(None) == "first"
    assert driven.send(1) == "second"
    with pytest.raises(StopIteration) as stop:
        driven.send(2)
    assert stop.value.value == [1, 2]


def test_exceptions_go_in_and_out_by_identity() -> None:
    seen: list[BaseException] = []
    going_in, coming_out = ValueError("in"), KeyError("out")

    async def work() -> None:
        try:
            await Awaitable("one")
        except ValueError as error:
            seen.append(error)
            raise coming_out from None

    driven = stepped(work(), Steps())
    driven.send(None)
    with pytest.raises(KeyError) as caught:
        driven.throw(going_in)
    assert seen == [going_in]
    assert caught.value is coming_out


def test_closing_closes() -> None:
    closed: list[str] = []

    async def work() -> None:
        try:
            await Awaitable("one")
        finally:
            closed.append("closed")

    driven = stepped(work(), Steps())
    driven.send(None)
    driven.close()
    assert closed == ["closed"]


def test_one_that_refuses_to_be_closed_is_told_as_python_tells_it() -> None:
    async def work() -> None:
        try:
            await Awaitable("one")
        except GeneratorExit:
            await Awaitable("two")

    driven = stepped(work(), Steps())
    driven.send(None)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        driven.close()


def test_a_stop_iteration_of_the_project_is_told_as_python_tells_it() -> None:
    async def work() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="raised StopIteration"):
        run(work())


def test_cancelled_while_it_waits() -> None:
    async def work() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "cancelled inside"
        return "slept"

    async def main() -> Any:
        steps = Steps()
        task = asyncio.ensure_future(_awaits(work(), steps))
        await asyncio.sleep(0)
        task.cancel()
        return await task, steps.count

    assert asyncio.run(main()) == ("cancelled inside", 2)


async def _awaits(coroutine: Any, steps: Steps) -> Any:
    return await stepped(coroutine, steps)


@pytest.fixture
def deep() -> Iterator[None]:
    before = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("deep")
def test_it_costs_one_frame() -> None:
    """A project that recurses deeply on the loop may still do so."""

    async def recurse(depth: int) -> int:
        return 0 if depth == 0 else 1 + await recurse(depth - 1)

    sys.setrecursionlimit(400)
    depth = 250
    assert run(recurse(depth))[0] == depth
