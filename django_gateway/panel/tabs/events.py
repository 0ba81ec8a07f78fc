"""The trail as it was recorded, event by event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...events import DURATION_FIELDS, EVENT_FIELDS, INSTANT_FIELDS
from ..units import duration
from .base import Query, Subject, Values, page_of

#: First part of an event's name → the place on the way whose colour it has.
_PLACES: Final = {
    "cgi": "server",
    "wsgi": "interface",
    "http": "body",
    "websocket": "body",
    "lifespan": "server",
    "django.signal": "interface",
    "django.middleware": "middleware",
    "django.hook": "middleware",
    "django.resolver": "resolver",
    "django.view": "view",
    "django.template": "template",
    "django.exception": "bad",
    "django.response": "body",
    "django.database": "queue",
    "django.headers": "middleware",
    "django.route": "resolver",
    "django.body": "body",
    "asgi.cancelled": "bad",
    "asgi.entered": "interface",
    "channels": "view",
    "crossing": "hop",
}


def build(subject: Subject, query: Query) -> Values:
    exchange = subject.exchange
    events = sorted(exchange.trail, key=lambda event: event[1])
    page = page_of(events, query)
    origin = exchange.started
    return {
        "events": page,
        "lines": [
            {
                "number": number,
                "at": event[1] - origin,
                "name": event[0],
                "place": place(event[0]),
                "fields": list(_fields(event, origin, exchange.threads)),
            }
            for number, event in enumerate(page.items, page.first)
        ],
        "dropped": exchange.sizes.dropped,
    }


def place(name: str) -> str:
    first, _, rest = name.partition(".")
    return _PLACES.get(first) or _PLACES.get(f"{first}.{rest.partition('.')[0]}") or "queue"


def _fields(event: Any, origin: int, threads: dict[int, str]) -> Iterator[dict[str, Any]]:
    for field, value in zip(EVENT_FIELDS.get(event[0], ()), event[2:], strict=False):
        if value is None:
            continue
        if field in INSTANT_FIELDS:
            yield {"name": field, "at": value - origin}
        elif field in DURATION_FIELDS:
            yield {"name": field, "value": duration(value)}
        else:
            yield {"name": field, "value": threads.get(value, value) if field == "thread" else value}
