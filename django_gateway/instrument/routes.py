"""What the resolver tried before it matched or gave up, which converters it used, and what wraps the view.

All of it is the same whenever the same route matches, so it is one word of the vocabulary; a path that leads nowhere
is told with what was tried for it.
"""

from __future__ import annotations

from typing import Any, Final

from ..legible import shortened
from ..recording import Recording, faults
from ..vocabulary import CODES, WORDS

_MATCHED: Final = CODES["django.route.matched"]
_UNMATCHED: Final = CODES["django.route.unmatched"]
#: Attempts kept for one match and for none, the last ones.
_BEFORE_MATCH: Final = 30
_BEFORE_NOTHING: Final = 300
_KEPT: Final = 2_048
_words: dict[Any, int] = {}


def matched(recording: Recording, match: Any, at: int) -> int | None:
    """The word that was told, where it will be told again."""
    try:
        tried = match.tried or []
        key = (match.route, match.func, len(tried))
        try:
            word = _words.get(key)
        except TypeError:  # an unhashable view
            recording.add((_MATCHED, at, *_told(match, tried)))
            return None
        if word is None:
            fields = _told(match, tried)
            word = WORDS.add(("django.route.matched", *fields)) if len(_words) < _KEPT else None
            if word is None:
                recording.add((_MATCHED, at, *fields))
                return None
            _words[key] = word
        recording.trail += (word, at)
        return word
    except Exception as fault:
        faults.note(fault)
        return None


def unmatched(recording: Recording, error: Any, at: int) -> None:
    """``error`` is what the resolver raised; a Resolver404 says what it tried."""
    try:
        said = error.args[0] if error.args else None
        if isinstance(said, dict) and isinstance(said.get("tried"), list):
            tried = said["tried"]
            fields = (_chains(tried[-_BEFORE_NOTHING:]), len(tried))
            word = WORDS.add(("django.route.unmatched", *fields)) if len(_words) < _KEPT else None
            recording.add((_UNMATCHED, at, *fields) if word is None else (word, at))
    except Exception as fault:
        faults.note(fault)


def _told(match: Any, tried: list[Any]) -> tuple[Any, ...]:
    converters = {
        shortened(name): type(converter).__name__
        for pattern in (tried[-1] if tried else ())
        for name, converter in getattr(getattr(pattern, "pattern", None), "converters", {}).items()
    }
    return _chains(tried[-_BEFORE_MATCH:]), len(tried), converters, wrappers(match.func)


def _chains(tried: list[Any]) -> list[Any]:
    """``[patterns, name]`` each: from the URLconf's own pattern to the included one, and the last one's name."""
    return [[[shortened(str(part.pattern)) for part in chain], _name(chain[-1]) if chain else None] for chain in tried]


def _name(pattern: Any) -> str | None:
    name = getattr(pattern, "name", None)
    return None if name is None else shortened(str(name))


def wrappers(view: Any) -> list[str]:
    """The functions that made each wrapper around a view, outermost first: decorators, as far as they say so."""
    found = []
    seen = 0
    view = getattr(getattr(view, "view_class", None), "dispatch", view)
    while (inner := getattr(view, "__wrapped__", None)) is not None and seen < 30:
        seen += 1
        code = getattr(view, "__code__", None)
        if code is not None:
            module = getattr(view, "__globals__", {}).get("__name__", "")
            found.append(shortened(f"{module}.{code.co_qualname.partition('.<locals>')[0]}"))
        else:
            found.append(shortened(f"{type(view).__module__}.{type(view).__qualname__}"))
        view = inner
    return found
