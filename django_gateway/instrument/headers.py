"""Where a response's headers come from: they are compared on its way out of the view and of each middleware.

Names alone are kept, and only where something is other than before. What a header says is the tuple that Django keeps
of it: as long as nobody has set it anew it is the same object, so comparing costs next to nothing.
"""

from __future__ import annotations

from typing import Any, Final

from ..recording import Recording, faults
from ..vocabulary import CODES, WORDS

_HEADERS: Final = CODES["django.headers"]
#: Combinations that are words; what comes later is spelled out.
_KEPT: Final = 512
_words: dict[Any, int] = {}

Names = tuple[str, ...]


def passed(recording: Recording, response: Any, by: str, at: int) -> None:
    """``response`` came out of ``by`` at that instant."""
    try:
        store = response.headers._store
        values = tuple(store.values())
        if response.cookies:
            # Cookies that are set anew are changed in place.
            values += tuple([(each.key, each.coded_value, *each.values()) for each in response.cookies.values()])
    except Exception:  # no response, or none of Django's: its handler has something to say to that
        return
    last = recording.header_values
    if values == last:
        return
    recording.header_values = values
    try:
        if last is None:
            _note(recording, by, at, _names(values), (), ())
        elif values[: len(last)] == last:
            _note(recording, by, at, _names(values[len(last) :]), (), ())
        else:
            before = {_name(value): value for value in last}
            after = {_name(value): value for value in values}
            added = tuple(name for name in after if name not in before)
            changed = tuple(name for name, value in after.items() if name in before and before[name] != value)
            removed = tuple(name for name in before if name not in after)
            if added or changed or removed:
                _note(recording, by, at, added, changed, removed)
    except Exception as fault:
        faults.note(fault)


def _name(value: Any) -> str:
    """Of a header ``(name, value)``, or of a cookie with its value and its attributes."""
    return str(value[0] if len(value) == 2 else f"Set-Cookie: {value[0]}")


def _names(values: tuple[Any, ...]) -> Names:
    return tuple([value[0] if len(value) == 2 else _name(value) for value in values])


def word(by: str, added: Names, changed: Names = (), removed: Names = ()) -> int | None:
    """What stands for these names; None where they have to be spelled out."""
    key = (by, added, changed, removed)
    number = _words.get(key)
    if number is None and len(_words) < _KEPT:
        number = WORDS.add(("django.headers", *key))
        if number is not None:
            _words[key] = number
    return number


def _note(recording: Recording, by: str, at: int, added: Names, changed: Names, removed: Names) -> None:
    number = word(by, added, changed, removed)
    if number is not None:
        recording.trail += (number, at)
    else:
        recording.add((_HEADERS, at, by, added, changed, removed))
