"""Where an exchange in flight is: known truths, seen from another thread while it hangs."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

import recorders
from django_gateway import instrument, stacks
from django_gateway.exchange import Frame
from django_gateway.interfaces.asgi import RecordedASGI
from django_gateway.interfaces.wsgi import RecordedWSGI
from django_gateway.recording import Recorder
from recorders import until


@pytest.fixture(autouse=True)
def instrumented() -> Iterator[None]:
    instrument.install()
    yield
    instrument.uninstall()


class Hanging:
    """Code that waits in a place of its own until it may go on."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.go_on = threading.Event()

    def blocks(self) -> None:
        self.there.set()
        assert self.go_on.wait(30)

    async def waits(self) -> None:
        self.there.set()
        while not self.go_on.is_set():  # noqa: ASYNC110 (set by another thread)
            await asyncio.sleep(0.01)


@contextmanager
def in_flight(serve: Callable[[Recorder], object], hanging: Hanging) -> Iterator[Callable[[], list[Frame] | None]]:
    """What serves one exchange in another thread, while it hangs: gives its stack."""
    finished: list[Any] = []
    recorder = Recorder(finished.append)
    thread = threading.Thread(target=serve, args=(recorder,))
    thread.start()
    try:
        assert hanging.there.wait(30)
        yield lambda: next(iter(recorder.in_flight.values())).exchange().stack
    finally:
        hanging.go_on.set()
        thread.join()
    assert finished[0].exchange().stack is None


def seen(stack: Callable[[], list[Frame] | None], *functions: str) -> None:
    """Wait until these functions of this file, outermost first, are what it is in."""
    until(
        lambda: tuple(frame.function for frame in stack() or [] if frame.file == __file__) == functions, str(functions)
    )


def asgi(application: Any) -> Callable[[Recorder], None]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        pass

    return lambda recorder: asyncio.run(RecordedASGI(application, recorder)(recorders.scope("/"), receive, send))


def test_a_thread_that_is_blocked() -> None:
    hanging = Hanging()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        hanging.blocks()
        return [b""]

    with in_flight(lambda recorder: recorders.serve(RecordedWSGI(application, recorder)), hanging) as stack:
        seen(stack, "application", "blocks")
        frames = stack() or []
        # Nothing of the server, nothing of ours; the line that it waits in.
        assert frames[0].function == "application"
        assert not [frame for frame in frames if "/django_gateway/" in frame.file]
        assert [frame.code for frame in frames if frame.function == "blocks"] == ["assert self.go_on.wait(30)"]


def test_a_coroutine_that_waits() -> None:
    hanging = Hanging()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await hanging.waits()

    with in_flight(asgi(application), hanging) as stack:
        seen(stack, "application", "waits")


def test_a_coroutine_that_blocks_the_loop() -> None:
    hanging = Hanging()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        hanging.blocks()

    with in_flight(asgi(application), hanging) as stack:
        seen(stack, "application", "blocks")


def test_a_thread_that_a_coroutine_waits_for() -> None:
    hanging = Hanging()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await sync_to_async(hanging.blocks)()

    with in_flight(asgi(application), hanging) as stack:
        seen(stack, "application", "blocks")
        # What asgiref calls in the thread, and not asgiref's own way there.
        assert [frame.function for frame in stack() or []][:3] == ["application", "__call__", "blocks"]


def test_a_loop_that_a_thread_waits_for() -> None:
    hanging = Hanging()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        async_to_sync(hanging.waits)()
        return [b""]

    with in_flight(lambda recorder: recorders.serve(RecordedWSGI(application, recorder)), hanging) as stack:
        seen(stack, "waits")


def test_back_from_a_thread_it_is_where_it_was() -> None:
    hanging = Hanging()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await sync_to_async(str)()
        await hanging.waits()

    with in_flight(asgi(application), hanging) as stack:
        seen(stack, "application", "waits")


#: Collections run code that lets others run, and somebody starts one thread after the other.
BUSY = """
import gc, os, threading, time
from django_gateway import stacks

def start_threads():
    while True:
        threading.Thread(target=lambda: time.sleep(0.0005)).start()

gc.callbacks.append(lambda *_: time.sleep(0))
gc.set_threshold(1)
threading.Thread(target=start_threads, daemon=True).start()
for _ in range(1_500):
    stacks.of_thread(threading.get_ident(), outside=1)
    time.sleep(0.0001)
assert gc.isenabled()
gc.disable()
stacks.of_thread(threading.get_ident())
assert not gc.isenabled()
print("looked", flush=True)
os._exit(0)
"""


def test_looking_at_a_thread_stops_nobody() -> None:
    done = subprocess.run([sys.executable, "-c", BUSY], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("looked\n", "")


def test_a_child_of_a_fork_while_somebody_looks_collects_and_can_look() -> None:
    gone = stacks._Glimpse()
    gone._lock.acquire()
    gone._collects = True
    collects = gc.isenabled()
    gc.disable()
    try:
        gone.forked()
        assert gc.isenabled()
        assert gone.frame(threading.get_ident()) is not None
    finally:
        (gc.enable if collects else gc.disable)()
