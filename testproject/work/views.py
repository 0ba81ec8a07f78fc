"""Views that do nothing, wait or compute: the difference is what the scheduler and the event loop show."""

from __future__ import annotations

import asyncio
import threading
import time

from django.http import HttpRequest, HttpResponse

from testproject.parameters import milliseconds


def _spin(seconds: float) -> int:
    """Uses ``seconds`` of this thread's CPU time, however long the clock on the wall takes for that."""
    end = time.thread_time() + seconds
    rounds = 0
    while time.thread_time() < end:
        rounds += 1
    return rounds


def _answer(text: str) -> HttpResponse:
    return HttpResponse(f"{text}\nthread: {threading.current_thread().name}\n", content_type="text/plain")


def sync_view(request: HttpRequest) -> HttpResponse:
    return _answer("a sync view")


async def async_view(request: HttpRequest) -> HttpResponse:
    return _answer("an async view")


def sleep(request: HttpRequest) -> HttpResponse:
    seconds = milliseconds(request, 500)
    time.sleep(seconds)
    return _answer(f"slept {seconds:g} s in a thread")


async def sleep_async(request: HttpRequest) -> HttpResponse:
    seconds = milliseconds(request, 500)
    await asyncio.sleep(seconds)
    return _answer(f"waited {seconds:g} s on the event loop, which served others meanwhile")


def burn(request: HttpRequest) -> HttpResponse:
    seconds = milliseconds(request, 200)
    rounds = _spin(seconds)
    return _answer(f"used {seconds:g} s of CPU in {rounds} rounds")


async def burn_async(request: HttpRequest) -> HttpResponse:
    seconds = milliseconds(request, 200)
    rounds = _spin(seconds)
    return _answer(f"used {seconds:g} s of CPU in {rounds} rounds, and nobody else had the event loop")
