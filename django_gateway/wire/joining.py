"""Which exchange belongs to what was seen on the wire.

Three ways, the surest first. The response may carry the exchange's id (``X-Gateway-Exchange``). The server takes the
relay for its client, so an exchange may name the relay's own port, and on one port requests of HTTP/1 come one after
another. A server that tells no port leaves the address, behind a proxy the relay is nobody's client, and HTTP/2 has
several requests at a time: there only an exchange is taken that could belong to nothing else. In each case time,
method, path and status have to agree as well.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from ..exchange import LIFESPAN, WEBSOCKET, Summary, format_id, parse_id
from ..redaction import Redactor
from ..stores import Part, Store
from . import record
from .talk import Seen, status_of

#: Seconds in which an exchange is waited for: a view may go on for long after its client has left.
PATIENCE: Final = 30.0
#: Nanoseconds by which two clocks of one machine may differ.
_SLACK: Final = 100_000_000
#: Seconds after which every exchange that ended meanwhile is in the store.
_SETTLED: Final = 1.0
_MOST: Final = 2_048


class Joiner:
    def __init__(
        self,
        store: Store,
        redactor: Redactor,
        *,
        kept: int = 0,
        proxied: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._redactor = redactor
        self._kept = kept
        #: Whether a proxy stands between the relay and the server.
        self._proxied = proxied
        self._clock = clock
        self._cursor, _ = store.since(-1)
        #: What waits for its exchange, with until when. The one is filled by the loop, the other is this thread's.
        self._fresh: deque[tuple[float, Seen]] = deque(maxlen=_MOST)
        self._waiting: list[tuple[float, Seen]] = []
        self._parts: list[Part] = []
        #: Exchanges that nobody has claimed, by what their server took for the client.
        self._unclaimed: dict[str, dict[int, tuple[float, Summary]]] = {}
        self._by_id: dict[int, Summary] = {}
        self._claimed: dict[int, None] = {}
        #: How much was seen whose exchange never came: the server answered by itself, or recording is off.
        self.alone = 0

    @property
    def waits(self) -> bool:
        return bool(self._waiting or self._fresh or self._parts)

    def add(self, seen: Seen) -> None:
        self._fresh.append((self._clock() + PATIENCE, seen))

    def settle(self) -> None:
        """Attach what was seen to the exchanges that have come. Raises StoreError: what was found is kept for later."""
        now = self._clock()
        changed = self._look(now)
        while self._fresh:
            self._waiting.append(self._fresh.popleft())
        waiting = []
        for until, seen in self._waiting[-_MOST:]:
            young = until - now > PATIENCE - 2 * _SETTLED
            exchange = self._exchange(seen, until, now) if young or self._may_have_come(seen, changed) else None
            if exchange is not None:
                self._parts.append(Part(format_id(exchange.id), "wire", record.data(seen, self._redactor, self._kept)))
            elif until > now:
                waiting.append((until, seen))
            else:
                self.alone += 1
        self._waiting = waiting
        del self._parts[:-_MOST]
        if self._parts:
            self._store.attach_all(self._parts)
            self._parts.clear()

    def _may_have_come(self, seen: Seen, changed: set[str]) -> bool:
        return bool(changed) and (self._proxied or not changed.isdisjoint(_keys(seen)))

    def _look(self, now: float) -> set[str]:
        """Which clients have exchanges that are new."""
        changed: set[str] = set()
        self._cursor, found = self._store.since(self._cursor, limit=_MOST)
        for summary in found:
            if summary.type != LIFESPAN and summary.id not in self._claimed:
                self._unclaimed.setdefault(summary.client or "", {})[summary.id] = (now, summary)
                self._by_id[summary.id] = summary
                changed.add(summary.client or "")
        # One whose end is to come may last for long; the port is another's by then, and so is the key.
        for client, summaries in list(self._unclaimed.items()):
            for number in [number for number, (since, _) in summaries.items() if now - since > PATIENCE]:
                del summaries[number]
                self._by_id.pop(number, None)
            if not summaries:
                del self._unclaimed[client]
        for number in list(self._by_id)[: max(0, len(self._by_id) - 8 * _MOST)]:
            summary = self._by_id.pop(number)
            del self._unclaimed[summary.client or ""][number]
        return changed

    def _exchange(self, seen: Seen, until: float, now: float) -> Summary | None:
        _, address = _keys(seen)
        told = _told(seen)
        if told is not None:
            # Whatever it names as its client: behind a proxy that is not the relay.
            named = self._by_id.get(told)
            return self._claim(named) if named is not None and _fits(seen, named) else None
        fitting = [] if self._proxied or seen.multiplexed else self._fitting(seen, seen.known_as)
        if fitting:
            return self._claim(fitting[0])
        if until - now > PATIENCE - _SETTLED:
            return None  # another that fits may still come
        keys = dict.fromkeys((address, seen.known_as))
        alike = [one for key in keys for _, one in self._unclaimed.get(key, {}).values()]
        known = self._by_id.values() if self._proxied else alike
        fitting = [summary for summary in known if _fits(seen, summary)]
        if len(fitting) == 1 and sum(_fits(other, fitting[0]) for _, other in self._waiting) == 1:
            return self._claim(fitting[0])
        return None

    def _fitting(self, seen: Seen, key: str) -> list[Summary]:
        """The oldest first."""
        known = sorted(self._unclaimed.get(key, {}).items())
        return [summary for _, (_, summary) in known if _fits(seen, summary)]

    def _claim(self, summary: Summary) -> Summary:
        del self._unclaimed[summary.client or ""][summary.id]
        del self._by_id[summary.id]
        self._claimed[summary.id] = None
        while len(self._claimed) > 8 * _MOST:
            del self._claimed[next(iter(self._claimed))]
        return summary


def _keys(seen: Seen) -> tuple[str, str]:
    """What its exchange may name as its client: with the port, and without."""
    return seen.known_as, seen.known_as.rpartition(":")[0]


def _told(seen: Seen) -> int | None:
    """The exchange's id, where the response carries it."""
    values = [] if seen.response is None else seen.response.values(b"x-gateway-exchange")
    return parse_id(values[0].decode("latin-1")) if len(values) == 1 else None


def _fits(seen: Seen, summary: Summary) -> bool:
    if not seen.started_at - _SLACK <= summary.started_at <= seen.ended_at + _SLACK:
        return False
    method, _, rest = seen.request.start.decode("latin-1").partition(" ")
    if summary.type == WEBSOCKET:
        # RFC 8441 has it for HTTP/2.
        return any(seen.request.has_token(name, b"websocket") for name in (b"upgrade", b":protocol"))
    if summary.method != method or _path(rest.rpartition(" ")[0]) != _plain(summary.path):
        return False
    status = status_of(seen)
    return summary.status is None or status is None or status == summary.status


def _path(target: str) -> str:
    """The path of a request target, which may be a whole URL (RFC 9112, 3.2.2)."""
    if not target.startswith("/"):
        target = f"/{target.partition('://')[2].partition('/')[2]}"
    return _plain(target.partition("?")[0])


def _plain(path: str) -> str:
    """Without differences that are a server's: what is encoded, and how often."""
    with suppress(UnicodeError):
        path = path.encode("latin-1").decode("utf-8")
    return unquote(unquote(path))
