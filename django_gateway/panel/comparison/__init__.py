"""Two exchanges side by side: what corresponds, what differs, what only one of them has. Pure, no Django."""

from .handover import facts
from .pairs import Pair, Side, align

__all__ = ["Pair", "Side", "align", "facts"]
