"""What an address asks for: a filter, where to go on, how much. The same for the page, its JSON and the live feed."""

from __future__ import annotations

from collections.abc import Collection

from django.http import QueryDict

from ..exchange import parse_id
from ..stores.filters import FIELDS, NUMBERS, Condition, FilterError, parse

MOST = 500


class BadQueryError(ValueError):
    """``parameter`` is the one that can't be read; ``position`` the offset in it, where that can be known."""

    def __init__(self, message: str, parameter: str, position: int | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.position = position


def conditions(query: QueryDict, besides: Collection[str] = ()) -> list[Condition]:
    """From ``q`` in the filter language and from parameters named as its fields, all of which must hold.

    ``besides`` are the view's own parameters. Raises BadQueryError, also for a parameter that means nothing: a filter
    with a slip of the pen shall not look like one that everything passes.
    """
    found: list[Condition] = []
    for name, values in query.lists():
        if name in besides:
            continue
        for value in values:
            if name == "q":
                found += _parsed(value, name)
            elif name not in FIELDS:
                known = ", ".join(("q", *besides, *FIELDS))
                raise BadQueryError(f"there is no parameter “{name[:40]}”; there are {known}", name)
            elif not value:
                raise BadQueryError(f"“{name}” needs a value", name)
            elif name in NUMBERS or name == "id":
                found += _parsed(f"{name}:{value.strip()}", name)
            else:
                found.append(Condition(name, value))
    return found


def _parsed(text: str, parameter: str) -> list[Condition]:
    try:
        return parse(text)
    except FilterError as error:
        raise BadQueryError(str(error), parameter, error.position if parameter == "q" else None) from error


def before(query: QueryDict) -> int | None:
    """The id that the last page ended with."""
    text = query.get("before")
    if not text:
        return None
    number = parse_id(text)
    if number is None:
        raise BadQueryError("“before” takes the id of an exchange: sixteen hexadecimal digits", "before")
    return number


def limit(query: QueryDict, default: int) -> int:
    text = query.get("limit")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MOST):
        raise BadQueryError(f"“limit” takes a number from 1 to {MOST}", "limit")
    return int(text)


def cursor(text: str | None) -> int:
    """-1 where none is given: from now on."""
    if not text:
        return -1
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadQueryError("“cursor” takes the number that the last answer gave", "cursor")
    return int(text)
