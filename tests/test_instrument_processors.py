"""Two busy threads on one processor: the one that serves a request is ready, and does not run, half of the time."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

import recorders
from django_gateway.exchange import Exchange
from recorders import recorded_process

MS = 1_000_000
#: CPU time that the view takes, in seconds; the scheduler's slices are a few milliseconds.
WORK = 0.2

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or not Path("/proc/thread-self/schedstat").exists(),
    reason="This kernel does not say how long a thread was ready.",
)


def compute() -> None:
    """Without the interpreter's lock: two threads of one process can be busy at the same time."""
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2_000)


def busy(request: HttpRequest) -> HttpResponse:
    end = time.thread_time() + WORK
    while time.thread_time() < end:
        compute()
    return HttpResponse("done")


urlpatterns = [path("", busy)]


@pytest.fixture
def processor() -> Iterator[int]:
    """One that this thread, and what it starts, is bound to."""
    allowed = os.sched_getaffinity(0)
    one = min(allowed)
    os.sched_setaffinity(0, {one})
    yield one
    os.sched_setaffinity(0, allowed)


@pytest.fixture
def neighbour(processor: int) -> Iterator[None]:
    """A thread on the same processor that never rests."""
    begun, over = threading.Event(), threading.Event()

    def never_rests() -> None:
        while not over.is_set():
            compute()
            begun.set()

    thread = threading.Thread(target=never_rests)
    thread.start()
    assert begun.wait(recorders.DEADLINE)
    yield
    over.set()
    thread.join()


def served() -> Exchange:
    """In a thread of its own, which has no past."""
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]), recorded_process() as recorded:
        application = recorded.wsgi(WSGIHandler())
        thread = threading.Thread(target=lambda: recorders.serve(application, recorders.environ("/")))
        thread.start()
        thread.join()
    return recorded.only


@pytest.mark.usefixtures("neighbour")
def test_a_busy_neighbour_on_the_processor_is_ready_time() -> None:
    exchange = served()
    scheduler = exchange.scheduler
    assert scheduler is not None
    assert scheduler.running >= WORK * 1_000 * MS
    assert scheduler.ready is not None
    # Fair shares would be as much again; a quarter is left for whoever else runs here.
    assert scheduler.ready >= WORK * 250 * MS
    assert scheduler.involuntary is not None
    assert scheduler.involuntary >= 1
