"""request_started and request_finished: how long their receivers take. No receiver is added."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.signals import request_finished, request_started

from ..failures import without_us
from ..fields import reach
from ..recording import current
from . import spans


def patches() -> Iterable[tuple[Any, str, Any]]:
    for signal, name in ((request_started, "request_started"), (request_finished, "request_finished")):
        said = spans.words(("django.signal.started", name), ("django.signal.finished", name))
        yield signal, "send", spans.signal(signal.send, said)
        yield signal, "asend", _asend(signal.asend, said)


def _asend(original: Any, said: spans.Words) -> Any:
    async def asend(sender: Any, **named: Any) -> Any:
        recording = current.get()
        if recording is None:
            return await original(sender, **named)
        reach(recording, said.started, said.began)
        try:
            return await original(sender, **named)
        except BaseException as error:
            without_us(error)
            raise
        finally:
            reach(recording, said.finished, said.ended)

    return asend
