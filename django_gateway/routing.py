"""What the resolver tried, and which pattern a path that led nowhere was nearest to. Pure functions, nothing stored."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any, Final

import msgspec

from . import phases
from .exchange import Exchange

#: A converter of Django's, ``<int:number>`` or ``<name>``.
_CONVERTER: Final = re.compile(r"<(?:(?P<kind>[^>:]+):)?(?P<name>[^>]+)>")
#: What Django's own converters take; any other takes what has no slash in it.
_TAKES: Final = {
    "int": r"[0-9]+",
    "slug": r"[-a-zA-Z0-9_]+",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "path": r".+",
}
#: How alike two words have to be to be taken for one another.
_ALIKE: Final = 0.7


class Attempt(msgspec.Struct, frozen=True):
    """``patterns`` lead from the project's URLconf into the included ones; ``name`` is the last one's."""

    patterns: list[str]
    name: str | None

    @property
    def route(self) -> str:
        return "".join(self.patterns)


class Routing(msgspec.Struct, frozen=True):
    matched: bool
    #: The last of ``count``; of a match the last one is the one that matched.
    tried: list[Attempt]
    count: int
    #: Class of the converter of each of the route's parameters.
    converters: dict[str, str]
    #: Functions that made the wrappers around the view, outermost first.
    wrappers: list[str]
    #: The pattern that nearly matched, and what was other.
    almost: tuple[str, str] | None


def routing(exchange: Exchange) -> Routing | None:
    """None where no route was asked for."""
    for event in reversed(phases.happenings(exchange)):
        if event.name.startswith("django.route."):
            matched = event.name == "django.route.matched"
            tried = [Attempt(patterns, name) for patterns, name in event.fields["tried"]]
            return Routing(
                matched,
                tried,
                event.fields["count"],
                event.fields.get("converters", {}),
                event.fields.get("wrappers", []),
                None if matched else almost(exchange.path, tried),
            )
    return None


def almost(path: str, tried: list[Attempt]) -> tuple[str, str] | None:
    """The route that ``path`` is nearest to, and in a few words what is other; None where none is near."""
    path = path.removeprefix("/")
    found = [near for attempt in tried if (near := _near(path, attempt.route)) is not None]
    if not found:
        return None
    _, route, why = max(found, key=lambda each: each[0])
    return route, why


def _near(path: str, route: str) -> tuple[float, str, str] | None:
    expression = _expression(route)
    if expression is None:
        return None
    if re.fullmatch(expression, path):
        return 2, route, "one of its converters did not take it"
    if path.endswith("/") and re.fullmatch(expression, path[:-1]):
        return 4, route, "the path has a slash at its end, the route has none"
    if re.fullmatch(expression, f"{path}/"):
        return 4, route, "the route has a slash at its end, the path has none"
    if re.fullmatch(expression, path, re.IGNORECASE):
        return 3, route, "upper and lower case differ"
    given, wanted = path.rstrip("/").split("/"), route.rstrip("/").split("/")
    if len(given) != len(wanted) or "<path:" in route:
        return None
    others = [(one, other) for one, other in zip(given, wanted, strict=True) if not _fits(one, other)]
    if len(others) != 1:
        return None
    ((one, other),) = others
    converter = _CONVERTER.search(other)
    if converter is not None:
        return (2 + len(wanted) / 100, route, f"{one!r} is no {converter['kind'] or 'str'}") if one else None
    alike = SequenceMatcher(None, one, other).ratio()
    return (1 + alike, route, f"{one!r} is not {other!r}") if alike >= _ALIKE else None


def _fits(segment: str, pattern: str) -> bool:
    expression = _expression(pattern)
    return expression is not None and re.fullmatch(expression, segment) is not None


def _expression(route: str) -> str | None:
    """None for what is a regular expression itself: what it asks for can't be said in a word."""
    if route.startswith("^") or route.endswith("$") or "(?P<" in route:
        return None
    expression, end = "", 0
    for converter in _CONVERTER.finditer(route):
        expression += re.escape(route[end : converter.start()]) + _TAKES.get(converter["kind"] or "str", "[^/]+")
        end = converter.end()
    return expression + re.escape(route[end:])


class Read(msgspec.Struct, frozen=True):
    """The request's body was read for the first time in this way. Times are nanoseconds from the exchange's start."""

    #: "body", "POST", "read" or "readline".
    how: str
    by: str | None
    at: int
    took: int
    size: int | None
    exception: str | None


def reads(exchange: Exchange) -> list[Read]:
    return [
        Read(
            event.fields["how"],
            event.fields["by"],
            event.at,
            event.fields["returned"] - event.at,
            event.fields["size"],
            event.fields["exception"],
        )
        for event in phases.happenings(exchange)
        if event.name == "django.body.read"
    ]


def as_data(found: Routing | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "matched": found.matched,
        "tried": [{"patterns": attempt.patterns, "name": attempt.name} for attempt in found.tried],
        "count": found.count,
        "converters": found.converters,
        "wrappers": found.wrappers,
        "almost": found.almost and {"route": found.almost[0], "why": found.almost[1]},
    }
