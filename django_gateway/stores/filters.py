"""The filter language: ``status:5xx hops:>8 interface:asgi path:/orders -method:GET duration:>=100 /checkout``.

Terms are joined by "and". A term is ``field:value``, negated by a leading ``-``; a word without a field looks into the
path; values with spaces are quoted. Numbers take ``>``, ``>=``, ``<``, ``<=`` and ``low..high``; a status takes
``5xx`` too. One parser, two readers: the SQLite store turns conditions into SQL, the memory store calls ``matches``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from ..exchange import Summary, parse_id

#: Exact words, compared without case.
WORDS: Final = ("interface", "type", "state", "method")
#: Text that is looked into, without case.
TEXTS: Final = ("path", "query", "route", "view", "client", "server", "exception")
#: Numbers; ``duration`` is in milliseconds.
NUMBERS: Final = ("status", "duration", "hops", "size", "chunks", "messages", "pid")
FIELDS: Final = (*WORDS, *TEXTS, *NUMBERS, "id")

_TERM = re.compile(r'(?P<not>-)?(?:(?P<field>[A-Za-z_]+):)?(?P<value>"[^"]*"?|[^\s]*)')
_BOUND = re.compile(r"(>=|<=|>|<)?(\d+(?:\.\d+)?)$")
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)$")


class FilterError(ValueError):
    """``position`` is the offset in the text of the term that can't be read."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class Condition(msgspec.Struct, frozen=True):
    """``low`` and ``high`` are inclusive bounds of a number (None: open); otherwise ``text`` is looked for."""

    field: str
    text: str = ""
    low: float | None = None
    high: float | None = None
    #: Whether a bound itself is left out, as ``>`` and ``<`` do.
    strict: bool = False
    negated: bool = False


def parse(text: str) -> list[Condition]:
    """Raises FilterError, whose message says what is accepted."""
    conditions: list[Condition] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        term = _TERM.match(text, position)
        assert term is not None  # every part of the pattern may be empty
        conditions.append(_condition(term, position))
        position = max(term.end(), position + 1)
    return conditions


def _condition(term: re.Match[str], position: int) -> Condition:
    negated = term["not"] is not None
    value = term["value"]
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise FilterError("a quote is opened and not closed", term.start("value"))
        value = value[1:-1]
    field = (term["field"] or "path").lower()
    if field not in FIELDS:
        raise FilterError(f"there is no field “{field}”; there are {', '.join(FIELDS)}", position)
    if not value:
        raise FilterError(f"“{field}:” needs a value", position)
    if "\0" in value:
        raise FilterError("a NUL cannot be looked for", position)  # SQLite's patterns end there
    if field == "id":
        if parse_id(value) is None:
            raise FilterError("an id has sixteen hexadecimal digits", position)
        return Condition(field, value, negated=negated)
    if field in NUMBERS:
        return _number(field, value, negated, position)
    return Condition(field, value, negated=negated)


def _number(field: str, value: str, negated: bool, position: int) -> Condition:
    if field == "status" and re.fullmatch(r"[1-5]xx", value, re.IGNORECASE):
        low = int(value[0]) * 100
        return Condition(field, value, low, low + 99, negated=negated)
    if span := _RANGE.match(value):
        return Condition(field, value, float(span[1]), float(span[2]), negated=negated)
    bound = _BOUND.match(value)
    if bound is None:
        example = "404, 5xx, >=400 or 200..299" if field == "status" else "8, >8, <=8 or 1..8"
        raise FilterError(f"“{field}” takes a number, such as {example}", position)
    number = float(bound[2])
    match bound[1]:
        case ">" | ">=":
            return Condition(field, value, low=number, strict=bound[1] == ">", negated=negated)
        case "<" | "<=":
            return Condition(field, value, high=number, strict=bound[1] == "<", negated=negated)
        case _:
            return Condition(field, value, number, number, negated=negated)


def matches(summary: Summary, conditions: Sequence[Condition]) -> bool:
    return all(_holds(summary, condition) != condition.negated for condition in conditions)


def _holds(summary: Summary, condition: Condition) -> bool:
    if condition.field == "id":
        return summary.id == parse_id(condition.text)
    if condition.field in NUMBERS:
        number = numbers(summary)[condition.field]
        return number is not None and _within(number, condition)
    value = getattr(summary, condition.field)
    if value is None:
        return False
    if condition.field in WORDS:
        return _folded(value) == _folded(condition.text)
    return _folded(condition.text) in _folded(value)


def _folded(text: str) -> bytes:
    """Without case as SQLite has it: that of ASCII letters alone."""
    return text.encode("utf-8", "surrogatepass").lower()


def _within(number: float, condition: Condition) -> bool:
    if condition.low is not None and (number <= condition.low if condition.strict else number < condition.low):
        return False
    return condition.high is None or (number < condition.high if condition.strict else number <= condition.high)


def numbers(summary: Summary) -> dict[str, float | None]:
    sizes = summary.sizes
    return {
        "status": summary.status,
        "duration": None if summary.duration is None else summary.duration / 1e6,
        "hops": sizes.crossings,
        "size": sizes.body_bytes,
        "chunks": sizes.chunks,
        "messages": sizes.received + sizes.sent,
        "pid": summary.pid,
    }
