"""What goes wrong in the recorder itself: never in the way of the application, and never in silence."""

from __future__ import annotations


class Faults:
    """Errors of our own: swallowed, counted, shown. With ``strict`` (our tests) they are raised instead."""

    def __init__(self) -> None:
        self.count = 0
        self.last: str | None = None
        self.strict = False

    def note(self, error: BaseException) -> None:
        self.count += 1
        self.last = f"{type(error).__name__}: {error}"
        if self.strict:
            raise error


faults = Faults()
