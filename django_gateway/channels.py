"""What follows from the trail of an exchange that went through Channels. Pure functions, nothing stored.

Times are nanoseconds from the start of the exchange.
"""

from __future__ import annotations

from typing import Any

import msgspec

from . import phases
from .exchange import Exchange


class Layer(msgspec.Struct, frozen=True):
    """One ASGI application on the way inwards. ``added`` is what it put into the scope, ``[key, value]`` each."""

    application: str
    branch: str | None
    at: int
    added: list[Any]


class Dispatch(msgspec.Struct, frozen=True):
    """One message given to a consumer's handler; ``mode`` "sync" is in a thread."""

    consumer: str
    handler: str
    mode: str
    started: int
    finished: int | None
    exception: str | None


class Operation(msgspec.Struct, frozen=True):
    """One use of a channel layer; ``name`` is the method's. ``returned`` is None for a message that came."""

    name: str
    group: str | None
    channel: str | None
    type: str | None
    at: int
    returned: int | None
    exception: str | None


_OPERATIONS = ("send", "receive", "group_add", "group_discard", "group_send")


def way(exchange: Exchange) -> list[Layer]:
    """Outermost first. What a layer added is seen where the next one is called; of the last one nothing is known."""
    entered = [event for event in phases.happenings(exchange) if event.name == "asgi.entered"]
    found: list[Layer] = []
    for event in entered:
        if found:
            found[-1] = msgspec.structs.replace(found[-1], added=found[-1].added + event.fields["added"])
        name = event.fields["application"]
        if found and event.fields["added"] and found[-1].application == name and event.fields["branch"] is None:
            continue  # its own class first, then the one that it inherits from
        found.append(Layer(name, event.fields["branch"], event.at, []))
    return found


def dispatches(exchange: Exchange) -> list[Dispatch]:
    return [
        Dispatch(
            span.fields["consumer"],
            span.fields["handler"],
            span.fields["mode"],
            span.started,
            span.finished,
            span.fields.get("exception") if span.failed else None,
        )
        for span in phases.spans(exchange, "channels.dispatch")
    ]


def operations(exchange: Exchange) -> list[Operation]:
    found = []
    for event in phases.happenings(exchange):
        first, _, name = event.name.partition(".")
        if first == "channels" and name in _OPERATIONS:
            fields = event.fields
            found.append(
                Operation(
                    name,
                    fields.get("group"),
                    fields.get("channel"),
                    fields.get("type"),
                    event.at,
                    fields.get("returned"),
                    fields.get("exception"),
                )
            )
    return found
