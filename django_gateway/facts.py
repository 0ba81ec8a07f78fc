"""What holds for a whole process: the tree of its application, its middleware as built, the receivers of its signals.

Each fact is a word of the process' vocabulary, so it is kept once; an exchange carries the numbers alone. A fact that
is told again replaces the one before it, for the exchanges that end from then on.
"""

from __future__ import annotations

from typing import Any, Final

from .vocabulary import WORDS

_numbers: Final[dict[str, int]] = {}
#: The numbers of the words ``[name, data]`` that hold now.
current: list[int] = []


def tell(name: str, data: Any) -> None:
    """``data`` is plain; nothing is told where the vocabulary has no room for it."""
    global current
    number = WORDS.add([name, data])
    if number is not None and _numbers.get(name) != number:
        _numbers[name] = number
        # A new list: exchanges that have the old one keep it.
        current = list(_numbers.values())


def forget() -> None:
    global current
    _numbers.clear()
    current = []
