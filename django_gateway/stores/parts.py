"""How parts find their exchange, in every store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from ..correlation import keys
from ..exchange import Exchange

#: Parts that are kept for each exchange of the capacity: of those whose exchange never comes, the oldest go.
MOST_PER_EXCHANGE: Final = 2


def position() -> int:
    """Where something that happens now lies among the ids of exchanges."""
    return (time.time_ns() // 1000) << 12


def joined(exchange: Exchange, look_up: Callable[[list[str]], Iterable[tuple[str, str, Any]]]) -> Exchange:
    """``look_up`` gives ``(key, kind, data)`` for keys; where two have one kind, the more particular key counts."""
    wanted = keys(exchange)
    found = sorted(look_up(wanted), key=lambda part: wanted.index(part[0]))
    return msgspec.structs.replace(exchange, parts={kind: data for _, kind, data in found}) if found else exchange
