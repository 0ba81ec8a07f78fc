"""The onion of middleware as a table: each layer's cost on the way in and out, and the changes of thread it caused."""

from __future__ import annotations

from dataclasses import dataclass

from ..timeline.intervals import total
from ..timeline.layers import own_time
from ..timeline.spans import Crossing, Span, Trail
from ..words import layer
from .base import Query, Subject, Values


@dataclass(frozen=True, slots=True)
class Layer:
    number: int
    name: str
    short: str
    mode: str
    before: int
    after: int
    hooks: list[tuple[str, int]]
    crossings: int
    cost: int
    ended: bool
    #: Of the scale, in percent: own time before, after, and on the way between threads.
    bars: tuple[float, float, float]

    @property
    def own_bar(self) -> float:
        return round(self.bars[0] + self.bars[1], 3)

    @property
    def own(self) -> int:
        return self.before + self.after


def build(subject: Subject, query: Query) -> Values:
    trail = subject.trail
    layers = table(trail)
    caused = {id(crossing) for span in trail.of("middleware") for crossing in crossings_of(span, trail)}
    others = [crossing for crossing in trail.crossings if id(crossing) not in caused]
    return {
        "layers": layers,
        "before": sum(each.before for each in layers),
        "after": sum(each.after for each in layers),
        "own": sum(each.own for each in layers),
        "hops": sum(each.crossings for each in layers),
        "cost": sum(each.cost for each in layers),
        "others": others,
        "others_cost": sum(crossing.cost for crossing in others),
        "extent": trail.extent,
        "turned": None if not layers else _turned(trail),
    }


def table(trail: Trail) -> list[Layer]:
    inner = [span.started for span in trail.spans if span.kind in ("resolver", "view")]
    turn = min(inner) if inner else None
    rows = []
    for span in trail.of("middleware"):
        works = own_time(span, trail)
        before = total(interval for interval in works if turn is None or interval[0] < turn)
        crossings = crossings_of(span, trail)
        cost = sum(crossing.cost for crossing in crossings)
        rows.append((span, before, total(works) - before, crossings, cost))
    scale = max((before + after + cost for _, before, after, _, cost in rows), default=0) or 1
    return [
        Layer(
            number,
            span.name,
            layer(span.name),
            span.detail,
            before,
            after,
            _hooks(span, crossings, trail),
            len(crossings),
            cost,
            span.ended,
            (round(100 * before / scale, 3), round(100 * after / scale, 3), round(100 * cost / scale, 3)),
        )
        for number, (span, before, after, crossings, cost) in enumerate(rows, 1)
    ]


def crossings_of(span: Span, trail: Trail) -> list[Crossing]:
    """The changes of thread that ran this layer's own code."""
    return [
        crossing
        for crossing in trail.crossings
        if crossing.function.startswith(f"{span.name}.") and span.started <= crossing.started <= span.finished
    ]


def _hooks(span: Span, crossings: list[Crossing], trail: Trail) -> list[tuple[str, int]]:
    """Names and times: under ASGI sync hooks show as crossings, the others as events of their own."""
    hooks = {crossing.function.rpartition(".")[2]: _ran(crossing) for crossing in crossings}
    for hook in trail.of("hook"):
        if hook.name == span.name:
            hooks[hook.detail] = hook.finished - hook.started
    return list(hooks.items())


def _ran(crossing: Crossing) -> int:
    return crossing.ran[1] - crossing.ran[0] if crossing.ran else 0


def _turned(trail: Trail) -> Span | None:
    """The layer that answered by itself, where nothing further in was called."""
    if any(span.kind in ("resolver", "view") for span in trail.spans):
        return None
    return trail.of("middleware")[-1]
