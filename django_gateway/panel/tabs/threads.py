"""What the operating system gave the thread, what the event loop gave the exchange, and each change between them."""

from __future__ import annotations

from itertools import groupby

from ... import documented, phases
from ...connections import connections
from ...exchange import format_id
from ..libraries import is_library
from ..units import duration
from ..words import calls_ahead
from .base import Query, Subject, Values, page_of


def build(subject: Subject, query: Query) -> Values:
    exchange, trail = subject.exchange, subject.trail
    crossings = page_of(trail.crossings, query)
    loop = exchange.loop
    stack = (loop.stack if loop else None) or []
    return {
        "scheduler": exchange.scheduler,
        "states": _states(subject),
        "process": phases.process(exchange),
        "loop": exchange.loop,
        "loop_states": _loop_states(subject),
        "held_up": [format_id(number) for number in loop.held_up] if loop else [],
        "held_up_by": [format_id(number) for number in loop.held_up_by] if loop else [],
        "groups": [{"library": library, "frames": list(found)} for library, found in groupby(stack, is_library)],
        "raised": stack[-1] if stack else None,
        "crossings": crossings,
        "lines": [
            {
                "number": number,
                "direction": crossing.direction,
                "function": crossing.function,
                "thread": crossing.thread,
                "started": crossing.started,
                "out": None if crossing.entered is None else crossing.entered - crossing.started,
                "ran": crossing.ran and crossing.ran[1] - crossing.ran[0],
                "back": None if crossing.left is None else crossing.returned - crossing.left,
                "ahead": calls_ahead(crossing.ahead) if crossing.ahead else "",
            }
            for number, crossing in enumerate(crossings.items, crossings.first)
        ],
        "queued": _queued(subject),
        "cost": sum(crossing.cost for crossing in trail.crossings),
        "extent": trail.extent,
        "server": exchange.server,
        "socket": None if exchange.interface == "cgi" else documented.socket(exchange),
        "connections": connections(exchange),
    }


def _queued(subject: Subject) -> Values | None:
    """The crossing that waited longest behind others; None where each found its thread free."""
    behind = [each for each in subject.trail.crossings if each.ahead and each.entered is not None]
    if not behind:
        return None
    worst = max(behind, key=lambda each: (each.entered or 0) - each.started)
    return {
        "count": len(behind),
        "function": worst.function,
        "ahead": calls_ahead(worst.ahead),
        "waited": (worst.entered or 0) - worst.started,
    }


def _states(subject: Subject) -> list[Values]:
    scheduler = subject.exchange.scheduler
    if scheduler is None:
        return []
    return _shares(
        [
            ("running", scheduler.running, "on a processor, computing"),
            ("ready", scheduler.ready, "it could have run: all processors were taken by others"),
            ("sleeping", scheduler.sleeping, "it waited for data, a lock or a timer, and used no processor"),
        ]
    )


def _loop_states(subject: Subject) -> list[Values]:
    loop = subject.exchange.loop
    if loop is None:
        return []
    return _shares(
        [
            ("running", loop.running, f"its code ran on the loop, in {loop.steps:,} steps"),
            ("suspended", loop.suspended, "it awaited something, and the loop was free for others"),
        ]
    )


def _shares(states: list[tuple[str, int | None, str]]) -> list[Values]:
    """With where each begins and how long it is on a bar of 100."""
    whole = sum(took for _, took, _ in states if took) or 1
    shares = []
    x = 0.0
    for name, took, meaning in states:
        width = 100 * (took or 0) / whole
        shares.append(
            {
                "name": name,
                "took": "not known" if took is None else duration(took),
                "meaning": meaning,
                "x": round(x, 3),
                "width": round(width, 3),
            }
        )
        x += width
    return shares
