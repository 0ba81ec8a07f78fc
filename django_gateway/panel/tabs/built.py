"""Django around the view: the chain as built, the route, who read the body, who listens to signals."""

from __future__ import annotations

from typing import Any, Final

from ... import routing
from ...chain import chain
from ..words import layer
from .base import Subject, Values

_CALLS: Final = {
    "sync_to_async": "by way of a thread",
    "async_to_sync": "by way of an event loop",
}
#: Attempts that are shown of a route that matched, and of none.
_SHOWN: Final = 60


def values(subject: Subject) -> Values:
    exchange = subject.exchange
    built = chain(exchange)
    found = routing.routing(exchange)
    receivers: dict[str, list[Any]] = exchange.fact("django.receivers") or {}
    return {
        "built": [_layer(each) for each in built["layers"]] if built else [],
        "reached_by": _CALLS.get(str(built["calls"]), "") if built else "",
        "routing": found,
        "attempts": found.tried[-_SHOWN:] if found else [],
        "earlier": found.count - len(found.tried[-_SHOWN:]) if found else 0,
        "reads": routing.reads(exchange),
        "receivers": [{"signal": signal, "receivers": listed} for signal, listed in receivers.items()],
    }


def _layer(told: dict[str, Any]) -> Values:
    return {
        **told,
        "short": layer(told["name"]),
        "calls": _CALLS.get(str(told["calls"]), ""),
        "takes": " and ".join(
            mode for mode, able in (("sync", told["sync_capable"]), ("async", told["async_capable"])) if able
        ),
        "hooks": [{**hook, "adapted": _CALLS.get(str(hook["adapted"]), "")} for hook in told["hooks"]],
    }
