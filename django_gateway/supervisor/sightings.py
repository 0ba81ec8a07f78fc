"""What a proxy has seen, put beside what the application's recorder has: one exchange where both saw the request."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from ..exchange import FINISHED, HTTP, Exchange, Server, Sizes, Split, format_id
from ..legible import shortened
from ..proxies.base import Sight
from ..proxies.reasons import reason
from ..redaction import Redactor
from ..stores import Part, Store

#: Seconds that the recorder has to bring an exchange of which the proxy has spoken.
PATIENCE: Final = 1.5
#: Seconds in which an exchange may still come that was given up.
_REMEMBERED: Final = 120.0
_MOST: Final = 4_096


@dataclass(frozen=True)
class About:
    """The proxy itself."""

    name: str
    title: str
    version: str
    #: Where it finds the application, for a log that does not say so.
    upstream: str
    #: The paths below which it serves files.
    folders: tuple[str, ...]


class Sightings:
    """Written into the store: a part for each request, and an exchange for each that nobody else has seen."""

    def __init__(
        self, store: Store, about: About, redactor: Redactor, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._about = about
        self._redactor = redactor
        self._clock = clock
        #: Until when each is waited for, by request id.
        self._awaited: dict[str, tuple[float, Exchange]] = {}
        #: Those written as seen by the proxy only, with until when the recorder may still bring them.
        self._alone: dict[str, tuple[float, int]] = {}
        self._counter = itertools.count()

    def add(self, sights: Iterable[Sight]) -> None:
        """Raises StoreError."""
        parts, alone = [], []
        for sight in sights:
            exchange = self._exchange(sight)
            data = self._data(sight)
            if sight.upstream is None or sight.request_id is None:
                alone.append(exchange)
                parts.append(Part(format_id(exchange.id), "proxy", data))
            else:
                parts.append(Part(sight.request_id, "proxy", data))
                self._awaited[sight.request_id] = self._clock() + PATIENCE, exchange
        self._store.attach_all(parts)
        self._write(alone)

    def settle(self, *, finally_: bool = False) -> None:
        """Find out about those that are waited for; with ``finally_`` nothing is waited for any more.

        Raises StoreError.
        """
        now = self._clock()
        if not self._awaited and not self._alone:
            return
        found = self._store.find([*self._awaited, *self._alone])
        for request_id in found.keys() & self._awaited.keys():
            del self._awaited[request_id]
        given_up = [key for key, (until, _) in self._awaited.items() if finally_ or until <= now]
        given_up += list(self._awaited)[: max(0, len(self._awaited) - _MOST)]
        missing = {key: self._awaited.pop(key)[1] for key in dict.fromkeys(given_up)}
        self._write(missing.values())
        twice = []
        for request_id, (until, number) in list(self._alone.items()):
            if any(other != number for other in found.get(request_id, ())):
                twice.append(number)
                del self._alone[request_id]
            elif until <= now or len(self._alone) > _MOST:
                del self._alone[request_id]
        self._store.forget(twice)
        for request_id, exchange in missing.items():
            self._alone[request_id] = now + _REMEMBERED, exchange.id

    @property
    def waits(self) -> bool:
        return bool(self._awaited)

    def _write(self, exchanges: Collection[Exchange]) -> None:
        if exchanges:
            self._store.write([self._store.pack(exchange) for exchange in exchanges])

    def _exchange(self, sight: Sight) -> Exchange:
        """As nobody but the proxy has seen it."""
        return Exchange(
            id=(sight.started_at // 1000) << 12 | (next(self._counter) & 0xFFF),
            interface="proxy",
            type=HTTP,
            state=FINISHED,
            started_at=sight.started_at,
            started=0,
            ended=sight.total,
            method=sight.method,
            path=shortened(unquote(sight.path)),
            query=self._redactor.query(shortened(sight.query)),
            status=sight.status,
            client=sight.client,
            server=Server(self._about.name, self._about.version, sight.pid or 0, "", socket.gethostname()),
            handover=None,
            match=None,
            headers=None,
            trail=[],
            failure=None,
            scheduler=None,
            loop=None,
            close=None,
            sizes=Sizes(request_bytes=sight.request_bytes or 0, body_bytes=sight.body_bytes or 0),
            split=Split(),
            vantage="proxy",
            unseen=[f"Only {self._about.title} has seen this request."],
            request_id=sight.request_id,
        )

    def _data(self, sight: Sight) -> dict[str, Any]:
        about = self._about
        told: dict[str, Any] = msgspec.to_builtins(sight)
        del told["target"]
        if sight.upstream == "":
            told["upstream"] = about.upstream
        return {
            "name": about.name,
            "title": about.title,
            "version": about.version,
            "reason": reason(sight, about.title, about.folders),
            **told,
        }
