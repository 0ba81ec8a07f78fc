"""request_started and request_finished: how long their receivers take. No receiver is added."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.signals import request_finished, request_started
from django.dispatch import Signal

from ..clocks import now
from ..failures import without_us
from ..recording import current
from ..vocabulary import WORDS


def patches() -> Iterable[tuple[Any, str, Any]]:
    for signal, name in ((request_started, "request_started"), (request_finished, "request_finished")):
        started = WORDS.event("django.signal.started", name)
        finished = WORDS.event("django.signal.finished", name)
        yield signal, "send", _send(signal, started, finished)
        yield signal, "asend", _asend(signal, started, finished)


def _send(signal: Signal, started: Any, finished: Any) -> Any:
    original = signal.send
    began, ended = WORDS.mark(started), WORDS.mark(finished)

    def send(sender: Any, **named: Any) -> Any:
        recording = current.get()
        if recording is None:
            return original(sender, **named)
        at = now()
        recording.trail += (started, at)
        mark = recording.mark
        mark[0], mark[1] = began, at
        try:
            return original(sender, **named)
        except BaseException as error:
            without_us(error)
            raise
        finally:
            at = now()
            recording.trail += (finished, at)
            mark = recording.mark
            mark[0], mark[1] = ended, at

    return send


def _asend(signal: Signal, started: Any, finished: Any) -> Any:
    original = signal.asend
    began, ended = WORDS.mark(started), WORDS.mark(finished)

    async def asend(sender: Any, **named: Any) -> Any:
        recording = current.get()
        if recording is None:
            return await original(sender, **named)
        at = now()
        recording.trail += (started, at)
        mark = recording.mark
        mark[0], mark[1] = began, at
        try:
            return await original(sender, **named)
        except BaseException as error:
            without_us(error)
            raise
        finally:
            at = now()
            recording.trail += (finished, at)
            mark = recording.mark
            mark[0], mark[1] = ended, at

    return asend
