"""Exchanges grouped by what they reached, worst first. Pure: from summaries to groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..exchange import INTERRUPTED, LIFESPAN, WEBSOCKET, Summary

#: What "worst" may mean, and in words.
ORDERS: Final = {
    "worst": "Worst first",
    "slow": "Slowest",
    "time": "Most time in all",
    "busy": "Most often",
    "hops": "Most thread hops",
}


@dataclass(slots=True)
class Group:
    interface: str
    type: str
    method: str
    #: The pattern that matched, or the path where none did.
    name: str
    #: Dotted path; "" where no view was reached.
    view: str
    summaries: list[Summary] = field(default_factory=list)
    #: Sorted, in nanoseconds; of what has ended and lasts no longer than its answer.
    durations: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.summaries)

    @property
    def failed(self) -> int:
        """5xx, and what was interrupted."""
        return sum(summary.state == INTERRUPTED or (summary.status or 0) >= 500 for summary in self.summaries)

    @property
    def refused(self) -> int:
        return sum(400 <= (summary.status or 0) < 500 for summary in self.summaries)

    @property
    def median(self) -> int | None:
        return percentile(self.durations, 50)

    @property
    def late(self) -> int | None:
        """The duration that nineteen of twenty stay below."""
        return percentile(self.durations, 95)

    @property
    def total(self) -> int:
        return sum(self.durations)

    @property
    def hops(self) -> int:
        return max(summary.sizes.crossings for summary in self.summaries)

    @property
    def slowest(self) -> Summary:
        return max(self.summaries, key=lambda summary: summary.duration or 0)

    @property
    def parts(self) -> list[int]:
        """Nanoseconds of process, interface, middleware, view and body, on average."""
        splits = [summary.split for summary in self.summaries]
        return [
            sum(max(part, 0) for part in column) // len(splits)
            for column in zip(*((s.process, s.interface, s.middleware, s.view, s.body) for s in splits), strict=True)
        ]

    @property
    def terms(self) -> str:
        """The filter that finds its exchanges; "" where the language has none for them."""
        term = f'view:"{self.view}"' if self.view else f'path:"{self.name}"'
        if '"' in term[6:-1] or not self.name + self.view:
            return ""
        method = f"method:{self.method} " if self.method and self.method.isalnum() else ""
        kind = "type:websocket " if self.type == WEBSOCKET else f"interface:{self.interface} "
        return f"{kind}{method}{term}"


def grouped(summaries: Iterable[Summary]) -> list[Group]:
    """By interface, method and route; lifespans are nobody's request."""
    found: dict[tuple[str, ...], Group] = {}
    for summary in summaries:
        if summary.type == LIFESPAN:
            continue
        name = summary.path if summary.route is None else f"/{summary.route}"
        key = (summary.interface, summary.type, summary.method or "", name, summary.view or "")
        group = found.get(key)
        if group is None:
            group = found[key] = Group(*key)
        group.summaries.append(summary)
        if summary.duration is not None and summary.type != WEBSOCKET:
            group.durations.append(summary.duration)
    for group in found.values():
        group.durations.sort()
    return list(found.values())


def ordered(groups: Iterable[Group], order: str) -> list[Group]:
    keys = {
        "slow": lambda group: (group.late or 0, group.count),
        "time": lambda group: (group.total, group.count),
        "busy": lambda group: (group.count, group.total),
        "hops": lambda group: (group.hops, group.late or 0),
    }
    # What fails is worse than what is slow, by how often it does.
    worst = keys.get(order, lambda group: (group.failed / group.count, group.late or 0, group.count))
    return sorted(groups, key=worst, reverse=True)


def percentile(values: Sequence[int], share: int) -> int | None:
    """By nearest rank, of what is sorted."""
    return values[-(-share * len(values) // 100) - 1] if values else None
