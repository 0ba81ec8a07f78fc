"""Channels: which layers a scope reached, by which branch and with what added; a consumer's handlers.

The layers' own ``__call__`` is only announced, never awaited here: no await and no frame is added to a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial, wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from channels import consumer
from channels.exceptions import StopConsumer

from .. import composition
from ..clocks import now
from ..failures import without_us
from ..legible import decoded, shortened
from ..recording import Recording, current, faults
from ..vocabulary import WORDS


def patches(application: Any) -> Iterable[tuple[Any, str, Any]]:
    yield consumer, "await_many_dispatch", _dispatched(vars(consumer)["await_many_dispatch"])
    for layer, _, _ in composition.walk(application):
        kind = getattr(layer, "consumer_class", None)
        if kind is None and not hasattr(layer, "__qualname__"):
            kind = type(layer)
        for owner in getattr(kind, "__mro__", ()):
            found = vars(owner).get("__call__")
            # Handlers of Django's are recorded for themselves.
            if callable(found) and not owner.__module__.startswith(("django.", "django_gateway.")):
                yield owner, "__call__", announced(found)


def announced(original: Any) -> Any:
    """``original`` (an application's ``__call__``), noted when it is called."""

    @wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is not None and not recording.done:
            scope = args[0] if args else kwargs.get("scope")
            if isinstance(scope, Mapping):
                try:
                    _entered(recording, self, scope)
                except Exception as fault:
                    faults.note(fault)
        return original(self, *args, **kwargs)

    return markcoroutinefunction(call) if iscoroutinefunction(original) else call


def _entered(recording: Recording, layer: Any, scope: Mapping[str, Any]) -> None:
    last = recording.way
    recording.way = (layer, dict(scope))
    added = []
    if last is not None:
        before = last[1]
        added = [
            [shortened(decoded(name)), _told(recording, name, value)]
            for name, value in scope.items()
            if name not in before or before[name] is not value
        ]
        if last[0] is layer and not added:
            return  # its class and the one it inherits from are both known
    word = WORDS.event("asgi.entered", composition.name_of(layer))
    recording.note((word, now(), _branch(layer, scope), added))


def _told(recording: Recording, name: str, value: Any) -> Any:
    """As the redactor tells an entry of a scope; of a lazy object what it stands for, if it knows that by now."""
    held = getattr(value, "__dict__", {})
    if "_wrapped" in held:
        value = held["_wrapped"]
    (entry,) = recording.recorder.redactor.scope({name: value})
    # What was told before is a word's number by now.
    _, told = WORDS.word(entry) if type(entry) is int else entry
    if name == "headers" and isinstance(told, list):
        return [list(WORDS.word(entry) if type(entry) is int else entry) for entry in told]
    return told


def _branch(layer: Any, scope: Mapping[str, Any]) -> str | None:
    """The router's own word for where it sends the scope; None where nothing fits, and for what is no router."""
    held = vars(layer) if hasattr(layer, "__dict__") else {}
    mapping = held.get("application_mapping")
    if isinstance(mapping, Mapping):
        for key in (scope.get("type"), scope.get("channel")):
            if key in mapping:
                return shortened(str(key))
        return None
    path = scope.get("path_remaining", scope.get("path"))
    if not isinstance(held.get("routes"), (list, tuple)) or not isinstance(path, str):
        return None
    if "path_remaining" not in scope:
        path = path[len(scope.get("root_path") or "") :]
    path = path.lstrip("/")
    for route in held["routes"]:
        # The expression alone: converters are the project's code, and run once.
        if route.pattern.regex.search(path):
            return composition.pattern(route)
    return None


def _dispatched(original: Any) -> Any:
    @wraps(original)
    async def await_many_dispatch(callables: Any, dispatch: Any) -> Any:
        recording = current.get()
        if recording is not None and not recording.done:
            recording.way = None  # the consumer is the last; a connection may last for days
            dispatch = _timed(dispatch, recording)
        try:
            return await original(callables, dispatch)
        except BaseException as error:
            without_us(error)
            raise

    return await_many_dispatch


def _timed(dispatch: Any, recording: Recording) -> Any:
    # What a sync consumer's class has there is an object of asgiref's, bound by a partial.
    owner = dispatch.args[0] if isinstance(dispatch, partial) and dispatch.args else dispatch
    owner = getattr(owner, "__self__", owner)
    name = composition.name_of(owner)
    mode = "sync" if getattr(owner, "_sync", False) else "async"

    async def timed(message: Any) -> Any:
        words = _words(name, mode, _handler(message))
        recording.note((words[0], now()))
        try:
            result = await dispatch(message)
        except StopConsumer as stop:
            without_us(stop)
            recording.note((words[1], now()))
            raise
        except BaseException as error:
            without_us(error)
            recording.note((words[2], now(), type(error).__name__))
            raise
        recording.note((words[1], now()))
        return result

    return timed


def _handler(message: Any) -> str:
    """Channels' own rule: the method is named as the message's type, with underscores for dots."""
    kind = message.get("type") if isinstance(message, Mapping) else None
    return kind.replace(".", "_") if type(kind) is str and len(kind) < 200 else shortened(decoded(kind))[:200]


@lru_cache(1_024)
def _words(name: str, mode: str, handler: str) -> tuple[Any, Any, Any]:
    return (
        WORDS.event("channels.dispatch.started", name, handler, mode),
        WORDS.event("channels.dispatch.finished", name, handler),
        WORDS.event("channels.dispatch.failed", name, handler),
    )
