"""Who listens to Django's signals of a request: told when somebody connects or leaves, never while one is served."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.core.signals import got_request_exception, request_finished, request_started
from django.dispatch import Signal

from .. import facts
from ..legible import shortened
from ..recording import faults

_SIGNALS: Final = {
    "request_started": request_started,
    "request_finished": request_finished,
    "got_request_exception": got_request_exception,
}


def patches() -> Iterable[tuple[Any, str, Any]]:
    for name in ("connect", "disconnect"):
        yield Signal, name, _told(vars(Signal)[name])
    tell()


def _told(original: Any) -> Any:
    @wraps(original)
    def change(self: Signal, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        if any(self is signal for signal in _SIGNALS.values()):
            tell()
        return result

    return change


def tell() -> None:
    try:
        facts.tell("django.receivers", {name: receivers(signal) for name, signal in _SIGNALS.items()})
    except Exception as fault:
        faults.note(fault)


def receivers(signal: Signal) -> list[dict[str, str]]:
    """``{"name", "mode"}`` each, of those that are alive and listen to any sender."""
    live: Any = signal._live_receivers(None)
    return [
        {"name": _name(receiver), "mode": "async" if iscoroutinefunction(receiver) else "sync"}
        for group in live
        for receiver in group
    ]


def _name(receiver: Any) -> str:
    named = receiver if hasattr(receiver, "__qualname__") else type(receiver)
    return shortened(f"{named.__module__}.{named.__qualname__}")
