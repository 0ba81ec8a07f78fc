"""What became of the database connections that an exchange used. Pure functions, nothing stored.

Times are nanoseconds from the start of the exchange.
"""

from __future__ import annotations

import msgspec

from . import phases
from .exchange import Exchange


class Connection(msgspec.Struct, frozen=True):
    """One connection in one thread, from its first use in the exchange to its end or the exchange's."""

    alias: str
    vendor: str
    thread: str | None
    #: Opened by this exchange, or found open.
    opened: bool
    at: int
    #: How long it took to open, None where it was open or where that failed.
    took: int | None
    exception: str | None
    closed: int | None
    left_open: bool
    #: CONN_MAX_AGE of one that is left open, in seconds; None for no end.
    max_age: float | None


def connections(exchange: Exchange) -> list[Connection]:
    found: list[Connection] = []
    open_now: dict[tuple[str, int], int] = {}
    for event in phases.happenings(exchange):
        kind, _, step = event.name.rpartition(".")
        if kind != "django.database":
            continue
        fields = event.fields
        key = (fields["alias"], fields["thread"])
        if step in ("opened", "reused"):
            failed = fields.get("exception")
            returned = fields.get("returned")
            open_now[key] = len(found)
            found.append(
                Connection(
                    fields["alias"],
                    fields["vendor"],
                    exchange.threads.get(fields["thread"]),
                    step == "opened",
                    event.at,
                    None if returned is None or failed else returned - event.at,
                    failed,
                    None,
                    False,
                    None,
                )
            )
        elif step == "closed" and key in open_now:
            place = open_now.pop(key)
            found[place] = msgspec.structs.replace(found[place], closed=event.at)
        elif step == "left_open" and key in open_now:
            place = open_now[key]
            found[place] = msgspec.structs.replace(found[place], left_open=True, max_age=fields["max_age"])
    return found
