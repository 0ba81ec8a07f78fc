"""How long to wait before a worker that ended by itself is replaced: longer and longer if that goes on."""

from __future__ import annotations

_STABLE = 10.0  # seconds of serving after which a crash is the first of its kind again
_LONGEST = 30.0


class Crashes:
    def __init__(self) -> None:
        #: How many in a row.
        self.count = 0

    def add(self, served: float) -> float:
        """One more, of a worker that has served for so many seconds; returns the seconds to wait."""
        if served > _STABLE:
            self.count = 0
        self.count += 1
        return 0.0 if self.count == 1 else min(_LONGEST, 0.5 * 2.0 ** min(self.count - 2, 16))

    def forget(self) -> None:
        self.count = 0
