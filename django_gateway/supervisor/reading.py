"""The thread that reads a proxy's log, and tells what it says to the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from ..proxies.base import Sight
from ..stores import StoreError
from .following import LIMIT, Follower
from .sightings import Sightings

_LOOK: Final = 0.1  # seconds between two looks at the log
_SETTLE: Final = 0.3


class Reader(threading.Thread):
    """``parse`` reads a line; ``reopen`` tells the proxy that its log was moved away."""

    def __init__(
        self,
        follower: Follower,
        sightings: Sightings,
        parse: Callable[[bytes], Sight | None],
        reopen: Callable[[], None],
    ) -> None:
        super().__init__(name="gateway-proxy-log", daemon=True)
        self._follower = follower
        self._sightings = sightings
        self._parse = parse
        self._reopen = reopen
        self._stopped = threading.Event()

    def run(self) -> None:
        settled = 0.0
        while not self._stopped.wait(_LOOK):
            try:
                if not self._read() and self._follower.size > LIMIT and self._follower.move_away():
                    self._reopen()
                if time.monotonic() - settled > _SETTLE:
                    settled = time.monotonic()
                    self._sightings.settle()
            except StoreError:
                pass  # tried again: nothing is marked as done

    def stop(self) -> None:
        """Read what there is to the end; its writer has ended."""
        self._stopped.set()
        self.join(timeout=5)
        try:
            while self._read():
                pass
            self._sightings.settle(finally_=True)
        except StoreError:
            pass
        self._follower.close()

    def _read(self) -> bool:
        """Whether there was anything."""
        lines = self._follower.lines()
        sights = [sight for line in lines if (sight := self._parse(line)) is not None]
        if sights:
            self._sightings.add(sights)
        self._follower.done()
        return bool(lines)
