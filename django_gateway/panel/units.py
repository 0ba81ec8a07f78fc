"""Durations and sizes in words. Times are nanoseconds."""

from __future__ import annotations

from typing import Final

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000


def duration(nanoseconds: int) -> str:
    """Three digits that matter, in the unit that suits: ``0.42 ms``, ``14.2 ms``, ``2 min 5 s``."""
    if nanoseconds < 0:
        return f"−{duration(-nanoseconds)}"
    if nanoseconds < MICROSECOND:
        return "0 ms" if nanoseconds == 0 else "< 1 µs"
    if nanoseconds < 100 * MICROSECOND:
        return f"{nanoseconds / MICROSECOND:.0f} µs"
    milliseconds = nanoseconds / MILLISECOND
    if milliseconds < 999.5:
        return f"{_digits(milliseconds)} ms"
    seconds = nanoseconds / SECOND
    if seconds < 99.5:
        return f"{_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def milliseconds(nanoseconds: int) -> str:
    """Without the unit: ``0.070``, ``14.200``, ``30,012``."""
    number = nanoseconds / MILLISECOND
    return f"{number:,.{3 if abs(number) < 1000 else 0}f}"


def _digits(number: float) -> str:
    return f"{number:.{2 if number < 9.995 else 1 if number < 99.95 else 0}f}"


def share(part: int, whole: int) -> str:
    """``14.2 of 30 ms`` where both have the same unit, else ``420 µs of 30 ms``."""
    first, second = duration(part), duration(whole)
    number, _, unit = first.rpartition(" ")
    return f"{number} of {second}" if second.endswith(f" {unit}") else f"{first} of {second}"


def size(count: int) -> str:
    """Bytes, in units of 1,000 as browsers' tools show them."""
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    number: float = count
    for unit in ("KB", "MB", "GB"):
        number /= 1000
        if number < 999.5 or unit == "GB":
            return f"{number:.{1 if number < 9.95 else 0}f} {unit}"
    raise AssertionError(count)
