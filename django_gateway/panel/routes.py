"""Exchanges grouped by what they reached, worst first. Pure: from summaries to groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..exchange import INTERRUPTED, LIFESPAN, WEBSOCKET, Summary
from .rows import tone

#: What "worst" may mean, and in words.
ORDERS: Final = {
    "worst": "Worst first",
    "slow": "Slowest",
    "time": "Most time in all",
    "busy": "Most often",
    "hops": "Most thread hops",
}
#: Paths without a route that have a group of their own; whoever looks for holes asks for a new one each time.
MOST_PATHS: Final = 300
#: The name of the group that has the others.
OTHERS: Final = ""

#: The first five fields of a group.
Key: TypeAlias = tuple[str, str, str, str, str]


@dataclass(slots=True)
class Group:
    interface: str
    type: str
    method: str
    #: The pattern that matched; where none did, the path, or OTHERS.
    name: str
    #: Dotted path; "" where no view was reached.
    view: str
    #: Whether there was no route, so that each path is another group.
    of_path: bool = False
    count: int = 0
    #: 5xx, and what was interrupted.
    failed: int = 0
    #: 4xx.
    refused: int = 0
    hops: int = 0
    #: Nanoseconds of what has ended and lasts no longer than its answer.
    total: int = 0
    #: The id of what took longest, and how long: None where nothing has ended.
    slowest: int = 0
    longest: int | None = None
    shortest: int | None = None
    #: Nanoseconds of process, interface, middleware, view and body, together.
    times: list[int] = field(default_factory=lambda: [0] * 5)
    #: How many durations lie in each bucket.
    durations: dict[int, int] = field(default_factory=dict)

    def add(self, summary: Summary) -> None:
        how = tone(summary)
        self.count += 1
        if how == "server" or summary.state == INTERRUPTED:
            self.failed += 1
        elif how == "client":
            self.refused += 1
        self.hops = max(self.hops, summary.sizes.crossings)
        split, times = summary.split, self.times
        for place, part in enumerate((split.process, split.interface, split.middleware, split.view, split.body)):
            if part > 0:
                times[place] += part
        duration = summary.duration
        self._longer(duration, summary.id)
        if duration is not None and summary.type != WEBSOCKET:
            self.total += duration
            if self.shortest is None or duration < self.shortest:
                self.shortest = duration
            number = bucket(duration)
            self.durations[number] = self.durations.get(number, 0) + 1

    def merge(self, other: Group) -> None:
        self.count += other.count
        self.failed += other.failed
        self.refused += other.refused
        self.hops = max(self.hops, other.hops)
        self.total += other.total
        self.times = [one + two for one, two in zip(self.times, other.times, strict=True)]
        self._longer(other.longest, other.slowest)
        if other.shortest is not None:
            self.shortest = other.shortest if self.shortest is None else min(self.shortest, other.shortest)
        for number, count in other.durations.items():
            self.durations[number] = self.durations.get(number, 0) + count

    def _longer(self, duration: int | None, number: int) -> None:
        known = -1 if self.longest is None else self.longest
        # Of equals the newest: it is forgotten last.
        if ((-1 if duration is None else duration), number) > (known, self.slowest):
            self.slowest, self.longest = number, duration

    @property
    def median(self) -> int | None:
        return self.percentile(50)

    @property
    def late(self) -> int | None:
        """The duration that nineteen of twenty stay below."""
        return self.percentile(95)

    def percentile(self, share: int) -> int | None:
        """By nearest rank, to within 2 %: by the middle of a bucket."""
        rank = -(-share * sum(self.durations.values()) // 100)
        for number in sorted(self.durations):
            rank -= self.durations[number]
            if rank <= 0:
                return max(min(middle(number), self.longest or 0), self.shortest or 0)
        return None

    @property
    def parts(self) -> list[int]:
        """Nanoseconds of process, interface, middleware, view and body, on average."""
        return [time // self.count for time in self.times]

    @property
    def terms(self) -> str:
        """The filter that finds its exchanges; "" where the language has none for them."""
        term = f'view:"{self.view}"' if self.view else f'path:"{self.name}"'
        if '"' in term[6:-1] or not self.name + self.view:
            return ""
        method = f"method:{self.method} " if self.method and self.method.isalnum() else ""
        kind = "type:websocket " if self.type == WEBSOCKET else f"interface:{self.interface} "
        return f"{kind}{method}{term}"


def bucket(nanoseconds: int) -> int:
    """Its five leading bits behind the first, and where they stand: in the order of what is put in."""
    shift = nanoseconds.bit_length() - 6
    return nanoseconds if shift <= 0 else (shift << 6) + (nanoseconds >> shift)


def middle(number: int) -> int:
    """Of a bucket, in nanoseconds."""
    shift = number >> 6
    return ((number & 63) << shift) + ((1 << shift) >> 1)


class Groups:
    """By interface, method and route; lifespans are nobody's request."""

    def __init__(self, summaries: Iterable[Summary] = ()) -> None:
        self._found: dict[Key, Group] = {}
        self._paths = 0
        for summary in summaries:
            self.add(summary)

    def __iter__(self) -> Iterator[Group]:
        return iter(self._found.values())

    @property
    def count(self) -> int:
        return sum(group.count for group in self)

    def add(self, summary: Summary) -> None:
        if summary.type != LIFESPAN:
            name = summary.path if summary.route is None else f"/{summary.route}"
            key = (summary.interface, summary.type, summary.method or "", name, summary.view or "")
            self._group(key, summary.route is None).add(summary)

    def merge(self, other: Groups) -> None:
        for key, group in other._found.items():
            self._group(key, group.of_path).merge(group)

    def _group(self, key: Key, of_path: bool) -> Group:
        group = self._found.get(key)
        if group is None:
            if of_path and key[3] != OTHERS:
                if self._paths >= MOST_PATHS:
                    interface, kind, method, _, _ = key
                    return self._group((interface, kind, method, OTHERS, ""), of_path)
                self._paths += 1
            group = self._found[key] = Group(*key, of_path=of_path)
        return group


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
