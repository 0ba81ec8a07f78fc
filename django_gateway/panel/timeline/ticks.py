"""Marks of a time axis at round numbers. Times are nanoseconds."""

from __future__ import annotations

from typing import Final, NamedTuple

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

#: Past ten seconds people count in sixties.
_CLOCK_STEPS: Final = tuple(
    [n * SECOND for n in (1, 2, 5, 10, 15, 30)]
    + [n * MINUTE for n in (1, 2, 5, 10, 15, 30)]
    + [n * HOUR for n in (1, 2, 3, 6, 12, 24)]
)


_UNITS: Final = ((SECOND, "s"), (MILLISECOND, "ms"), (MICROSECOND, "µs"), (1, "ns"))


class Tick(NamedTuple):
    at: int
    label: str


def step(extent: int, most: int) -> int:
    """The smallest round step that cuts ``extent`` into at most ``most`` parts; never 0."""
    least = max(1, -(-extent // most))
    if least > SECOND:
        for candidate in _CLOCK_STEPS:
            if candidate >= least:
                return candidate
        days = 24 * HOUR
        return -(-least // days) * days
    magnitude = 1
    while True:
        for factor in (1, 2, 5):
            if magnitude * factor >= least:
                return magnitude * factor
        magnitude *= 10


def ticks(extent: int, most: int = 8) -> list[Tick]:
    """From 0 up to ``extent``."""
    width = step(extent, most)
    return [Tick(at, _label(at, width, extent)) for at in range(0, extent + 1, width)]


def _label(at: int, width: int, extent: int) -> str:
    if at == 0:
        return "0"
    if width >= 24 * HOUR:
        return f"{at // (24 * HOUR)} d"
    if width >= HOUR:
        return f"{at // HOUR} h"
    if width >= SECOND and extent >= MINUTE:
        minutes, seconds = divmod(at // SECOND, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02} min"
    # One unit for the whole axis: "0.5 ms" before "1 ms".
    unit, name = next((unit, name) for unit, name in _UNITS if extent >= unit)
    return f"{at / unit:.9f}".rstrip("0").rstrip(".") + f" {name}"
