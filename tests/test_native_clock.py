"""The clock of a thread in C does what the one in Python does."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from django_gateway import clocks, native

pytestmark = pytest.mark.skipif(native.core is None, reason="the compiled module was not built")


def both() -> list[Any]:
    return [clocks.ThreadClock(), clocks._PythonThreadClock()]  # type: ignore[attr-defined]


def shape(scheduler: Any) -> list[bool]:
    return [each is None for each in (scheduler.running, scheduler.ready, scheduler.sleeping, scheduler.voluntary, scheduler.involuntary)]  # fmt: skip


def test_both_see_the_same_sleep() -> None:
    for _ in range(3):
        starts = [(clock, clock.start()) for clock in both()]
        time.sleep(0.01)
        found = [clock.since(start) for clock, start in starts]
        assert min(each.voluntary for each in found) >= 1
        assert min(each.sleeping + each.ready for each in found) >= 9_000_000
        assert all(shape(each) == [False] * 5 for each in found)


@pytest.mark.parametrize("number", [0, 1])
def test_after_quiet_exchanges_the_queue_is_not_asked(number: int) -> None:
    clock = both()[number]
    for _ in range(400):  # one in a row of nine may be interrupted
        last = clock.since(clock.start())
    start = clock.start()
    time.sleep(0.005)
    first = clock.since(start)
    start = clock.start()
    time.sleep(0.005)
    assert shape(clock.since(start)) == [False] * 5
    assert shape(first) in ([False, True, False, True, True], [False] * 5)
    assert last.ready == 0 or last.running + last.sleeping > 4_000


@pytest.mark.parametrize("number", [0, 1])
def test_a_whole_process(number: int) -> None:
    clock, started = both()[number], time.perf_counter_ns() - time.thread_time_ns() - 10**9
    found = clock.since(clock.whole(started))
    assert found.running + found.ready + found.sleeping >= 10**9
    assert found.running >= time.thread_time_ns() / 2
    assert found.voluntary >= 1


def test_what_start_did_not_return() -> None:
    clock: Any = clocks.ThreadClock()
    for wrong in (None, 1, (1, 2, 3, 4, 5), object()):
        with pytest.raises(TypeError):
            clock.since(wrong)
    with pytest.raises(TypeError):
        clock.whole("now")
    with pytest.raises(TypeError):
        type(clock.start())()


def opened() -> int:
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return sum(os.path.exists(link) and os.readlink(link).endswith("schedstat") for link in links)


def test_a_thread_has_one_descriptor_of_each_clock_that_lives() -> None:
    counts: list[int] = []

    def use() -> None:
        before = opened()
        for _ in range(5):
            clock = clocks.ThreadClock()
            clock.since(clock.start())
            counts.append(opened() - before)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert counts == [1] * 5


def test_an_exchange_that_goes_on_in_a_forked_child_has_no_times_there() -> None:
    clock = clocks.ThreadClock()
    start = clock.start()
    child = os.fork()
    if child == 0:
        os._exit(0 if clock.since(start) is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert clock.since(start) is not None
