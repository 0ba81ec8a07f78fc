"""The onion of middleware as a table: each layer's cost on the way in and out, and the changes of thread it caused."""

from __future__ import annotations

from dataclasses import dataclass

from ... import phases
from ...exchange import Exchange
from ..timeline.layers import crossings_of
from ..timeline.spans import Crossing, Span, Trail
from ..words import layer
from .base import Query, Subject, Values
from .built import values


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    short: str
    mode: str
    #: Own time on the way in and out, nanoseconds; changing thread is part of it.
    before: int
    after: int
    hooks: list[tuple[str, int]]
    crossings: int
    cost: int
    ended: bool
    #: Widths in percent of the largest: work of its own, and changing thread.
    bars: tuple[float, float]

    @property
    def own(self) -> int:
        return self.before + self.after


def build(subject: Subject, query: Query) -> Values:
    trail = subject.trail
    rows = table(subject.exchange, trail)
    caused = {id(crossing) for span in trail.of("middleware") for crossing in crossings_of(span, trail)}
    others = [crossing for crossing in trail.crossings if id(crossing) not in caused]
    return {
        "layers": rows,
        "before": sum(row.before for row in rows),
        "after": sum(row.after for row in rows),
        "own": sum(row.own for row in rows),
        "hops": sum(row.crossings for row in rows),
        "cost": sum(row.cost for row in rows),
        "others": others,
        "others_cost": sum(crossing.cost for crossing in others),
        "extent": trail.extent,
        "turned": _turned(trail) if rows else None,
        **values(subject),
    }


def table(exchange: Exchange, trail: Trail) -> list[Row]:
    spans = {(span.name, span.started): span for span in trail.of("middleware")}
    layers = phases.middleware(exchange)
    scale = max((each.own for each in layers), default=0) or 1
    rows = []
    for each in layers:
        span = spans.get((each.name, each.started))
        crossings = crossings_of(span, trail) if span else []
        cost = sum(crossing.cost for crossing in crossings)
        hop = min(cost, each.own)
        rows.append(
            Row(
                each.name,
                layer(each.name),
                each.mode,
                each.before,
                each.after,
                _hooks(each.name, crossings, trail),
                len(crossings),
                cost,
                each.finished is not None,
                (round(100 * (each.own - hop) / scale, 3), round(100 * hop / scale, 3)),
            )
        )
    return rows


def _hooks(name: str, crossings: list[Crossing], trail: Trail) -> list[tuple[str, int]]:
    """Names and times: under ASGI sync hooks show as crossings, the others as events of their own."""
    hooks = {crossing.function.rpartition(".")[2]: _ran(crossing) for crossing in crossings}
    for hook in trail.of("hook"):
        if hook.name == name:
            hooks[hook.detail] = hook.finished - hook.started
    return list(hooks.items())


def _ran(crossing: Crossing) -> int:
    return crossing.ran[1] - crossing.ran[0] if crossing.ran else 0


def _turned(trail: Trail) -> Span | None:
    """The last layer that was reached, where nothing further in was called."""
    if any(span.kind in ("resolver", "view") for span in trail.spans):
        return None
    return trail.of("middleware")[-1]
