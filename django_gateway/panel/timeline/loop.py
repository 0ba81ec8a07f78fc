"""What an exchange did on the event loop, as far as that can be known."""

from __future__ import annotations

from typing import Final

from ...exchange import Exchange
from .intervals import Interval, total

#: The two accounts are kept by different clocks at different places: they may differ by this much.
_TOLERANCE: Final = 1.3
_SLACK: Final = 50_000
#: The share of a time below which work in it can't be seen in a picture.
_NOTHING: Final = 0.05


def split_by_loop(exchange: Exchange, candidates: list[Interval]) -> tuple[list[Interval], list[Interval]]:
    """Which of ``candidates`` the loop surely ran, and in which it ran or the coroutine waited.

    The loop's own account is a sum; the longest stretches are the ones that can't have been work alone.
    """
    if exchange.loop is None:
        return candidates, []
    most = _TOLERANCE * exchange.loop.running + _SLACK
    works = total(candidates)
    mixed: list[Interval] = []
    for start, end in sorted(candidates, key=lambda interval: interval[0] - interval[1]):
        if works <= most:
            break
        works -= end - start
        mixed.append((start, end))
    unsure = set(mixed)
    surely = [interval for interval in candidates if interval not in unsure]
    # Next to nothing of it was work: that is waiting.
    if exchange.loop.running - total(surely) < _NOTHING * total(mixed):
        mixed = []
    return surely, sorted(mixed)
