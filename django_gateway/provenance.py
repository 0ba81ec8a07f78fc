"""Where each header of the answer comes from, and which were changed or removed on its way out. Pure functions."""

from __future__ import annotations

import msgspec

from . import phases
from .exchange import Exchange

#: In place of a dotted path: what is around Django (a WSGI or ASGI middleware) set it after Django's own chain.
OUTSIDE = "outside"


class Origin(msgspec.Struct, frozen=True):
    """Dotted paths of views, middleware or Django's handler of exceptions; ``by`` is None where nothing was seen."""

    by: str | None
    #: Who gave it another value afterwards, in order.
    changed_by: list[str] = []


class Removed(msgspec.Struct, frozen=True):
    name: str
    by: str | None
    removed_by: str


def origins(exchange: Exchange) -> list[Origin]:
    """One for each of the exchange's headers."""
    found, _ = _read(exchange)
    unknown = Origin(OUTSIDE if found else None)
    return [found.get(_key(str(name), str(value)), unknown) for name, value in exchange.headers or ()]


def removed(exchange: Exchange) -> list[Removed]:
    return _read(exchange)[1]


def _read(exchange: Exchange) -> tuple[dict[str, Origin], list[Removed]]:
    found: dict[str, Origin] = {}
    gone: list[Removed] = []
    for event in phases.happenings(exchange):
        if event.name != "django.headers":
            continue
        by = event.fields["by"]
        for name in event.fields["removed"]:
            origin = found.pop(name.lower(), Origin(None))
            gone.append(Removed(name, origin.by, by))
        for name in event.fields["added"]:
            found[name.lower()] = Origin(by)
        for name in event.fields["changed"]:
            origin = found.get(name.lower(), Origin(None))
            found[name.lower()] = Origin(origin.by, [*origin.changed_by, by])
    return found, gone


def _key(name: str, value: str) -> str:
    if name.lower() == "set-cookie":
        return f"set-cookie: {value.partition('=')[0].strip().lower()}"
    return name.lower()
