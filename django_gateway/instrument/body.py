"""Who read the request's body, when and how. Nothing is read here that the project does not read itself."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest

from ..clocks import now
from ..failures import without_us
from ..legible import shortened
from ..recording import Recording, current, faults
from ..vocabulary import CODES

_READ: Final = CODES["django.body.read"]
#: Asking for the body leads through these; who asked is behind them.
_PASSED: Final = ("django.http.", "django.core.handlers.", "django.utils.", "django_gateway.")


def patches() -> Iterable[tuple[Any, str, Any]]:
    whole = vars(HttpRequest)["body"]
    yield HttpRequest, "body", property(_noted(whole.fget, "body", "_body"), whole.fset, whole.fdel, whole.__doc__)
    yield (
        HttpRequest,
        "_load_post_and_files",
        _noted(vars(HttpRequest)["_load_post_and_files"], "POST", "_post"),
    )
    for name in ("read", "readline"):
        yield HttpRequest, name, _noted(vars(HttpRequest)[name], name, "")


def _noted(original: Any, how: str, done: str) -> Any:
    """``done`` is the attribute that a request has once it was read in this way, "" for its parts, one by one."""

    @wraps(original)
    def read(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None or recording.done or recording.reading or _known(self, recording, done):
            return original(self, *args, **kwargs)
        started = now()
        recording.reading = True
        failed = None
        found = None
        try:
            found = original(self, *args, **kwargs)
            return found
        except BaseException as error:
            without_us(error)
            failed = type(error).__name__
            raise
        finally:
            recording.reading = False
            try:
                recording.streamed = recording.streamed or not done
                size = len(found) if isinstance(found, bytes) else None
                recording.add((_READ, started, how, _asker(), size, failed, now()))
            except Exception as fault:
                faults.note(fault)

    return read


def _known(request: Any, recording: Recording, done: str) -> bool:
    """Whether nothing is read from the client: it was read before, or a GET's form is asked for."""
    if not done:
        return recording.streamed or "_body" in request.__dict__
    return done in request.__dict__ or (done == "_post" and request.method != "POST")


def _asker() -> str | None:
    """The function outside of Django's request that asked: ``module.function:line``."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(_PASSED):
            return shortened(f"{module}.{frame.f_code.co_qualname}:{frame.f_lineno}")
        frame = frame.f_back
    return None
