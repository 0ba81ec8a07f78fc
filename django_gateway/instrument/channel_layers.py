"""Channel layers: messages sent and received, groups joined, left and told. Of messages their type is kept alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final

from channels import layers

from ..clocks import now
from ..failures import without_us
from ..legible import decoded, shortened
from ..recording import current, faults
from ..vocabulary import CODES

Patch = tuple[Any, str, Any]

_RECEIVE: Final = CODES["channels.receive"]
_OPERATIONS: Final = ("send", "group_add", "group_discard", "group_send")

#: A layer's own work inside one operation, such as a group's messages one by one, is part of it.
_inside: ContextVar[bool] = ContextVar("django_gateway_channel_layer", default=False)


def patches(add: Callable[[Iterable[Patch]], None]) -> Iterable[Patch]:
    """``add`` patches the classes of layers that are made later."""
    made = vars(layers.ChannelLayerManager)["_make_backend"]
    for layer in layers.channel_layers.backends.values():
        yield from _of(layer)

    @wraps(made)
    def make_backend(self: Any, name: str, config: Any) -> Any:
        layer = made(self, name, config)
        try:
            add(_of(layer))
        except Exception as fault:
            faults.note(fault)
        return layer

    yield layers.ChannelLayerManager, "_make_backend", make_backend


def _of(layer: Any) -> Iterable[Patch]:
    kind = type(layer)
    kinds = list(kind.__mro__)
    if not hasattr(kind, "send"):
        # Redis' publish and subscribe: the class in the settings stands for one object for each event loop.
        inner = getattr(sys.modules.get(kind.__module__), "RedisPubSubLoopLayer", None)
        kinds += inner.__mro__ if inner is not None else []
    for owner in kinds:
        for name in _OPERATIONS:
            if callable(found := vars(owner).get(name)):
                yield owner, name, _operation(found, CODES[f"channels.{name}"])
        if callable(found := vars(owner).get("receive")):
            yield owner, "receive", _receiving(found)


def _operation(original: Any, code: int) -> Any:
    @wraps(original)
    async def operate(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None or recording.done or _inside.get():
            return await original(self, *args, **kwargs)
        token = _inside.set(True)
        started = now()
        failed = None
        try:
            return await original(self, *args, **kwargs)
        except BaseException as error:
            without_us(error)
            failed = type(error).__name__
            raise
        finally:
            _left(token)
            try:
                values = [*args, *kwargs.values(), None, None]
                recording.note((code, started, _text(values[0]), _text(values[1]), failed, now()))
            except Exception as fault:
                faults.note(fault)

    return operate


def _receiving(original: Any) -> Any:
    @wraps(original)
    async def receive(self: Any, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None or recording.done or _inside.get():
            return await original(self, *args, **kwargs)
        token = _inside.set(True)
        try:
            message = await original(self, *args, **kwargs)
        except BaseException as error:
            without_us(error)
            raise
        finally:
            _left(token)
        try:
            values = [*args, *kwargs.values(), None]
            recording.note((_RECEIVE, now(), _text(values[0]), _text(message)))
        except Exception as fault:
            faults.note(fault)
        return message

    return receive


def _left(token: Any) -> None:
    try:  # noqa: SIM105
        _inside.reset(token)
    except ValueError:  # closed from outside, in another context
        pass


def _text(value: Any) -> str | None:
    """A channel's or group's name; of a message its type."""
    if isinstance(value, Mapping):
        value = value.get("type")
    return None if value is None else shortened(decoded(value))[:200]
