"""How long trails may grow: each by itself, and all that are in flight together."""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

#: An event takes so many places of a trail, more or less.
_PLACES: Final = 4
#: So many trails may be as long as one may be; where there are more, they share what these would take.
_TOGETHER: Final = 16
#: Events that each may have, however many share.
_ASSURED: Final = 100


class Room:
    """``in_flight`` is what shares, ``max_events`` the limit for one exchange."""

    def __init__(self, in_flight: Sized, max_events: int) -> None:
        self._in_flight = in_flight
        #: Lengths of a trail: the limit for one, and what is free without asking.
        self.longest = _PLACES * max_events
        self.assured = min(self.longest, _PLACES * _ASSURED)

    def beyond(self, length: int) -> bool:
        """Whether a trail that has outgrown what is assured may take another event."""
        return length < self.longest and length * len(self._in_flight) < _TOGETHER * self.longest
