"""Rounds of requests, the contenders one after the other in each, and what comes out of them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from .contenders import Contender, ContenderError
from .tools import TOOLS

#: A tool that takes milliseconds needs fewer requests for a time that is as sure.
_SLOW_SHARE: Final = 10
#: Without these there is nothing to say.
_NEEDED: Final = frozenset({"plain", "off", "gateway"})


class Plan(NamedTuple):
    """``rounds`` is the number in each of the ``processes``, started one after the other."""

    processes: int
    rounds: int
    requests: int


class Measured(NamedTuple):
    #: Microseconds of CPU for a request in each round, by contender; in the same order for all.
    rounds: dict[str, list[float]]
    #: What each has recorded in its last process.
    recorded: dict[str, dict[str, Any]]
    #: Why a contender is not among them.
    failed: dict[str, str]


def measure(names: Sequence[str], interface: str, plan: Plan, folder: Path, say: Callable[[str], None]) -> Measured:
    """Raises ContenderError where plain Django or django-gateway fails; a peer that fails is left out and named."""
    measured = Measured({name: [] for name in names}, {}, {})
    order = random.Random(1)
    for process in range(plan.processes):
        with ExitStack() as stack:
            started = [name for name in names if name not in measured.failed]
            contenders = {name: stack.enter_context(Contender(name, interface, folder)) for name in started}

            def each(action: Callable[[Contender], Any], contenders: dict[str, Contender] = contenders) -> Any:
                """What the action gives for each contender that is still there, in an order of chance."""
                for name in order.sample(list(contenders), len(contenders)):
                    try:
                        yield name, action(contenders[name])
                    except ContenderError as error:
                        if name in _NEEDED:
                            raise
                        measured.failed[name] = str(error)
                        del contenders[name], measured.rounds[name]

            # The first round warms up.
            for number in range(plan.rounds + 1):
                say(f"{interface.upper()}: process {process + 1} of {plan.processes}, round {number} of {plan.rounds}")
                for name, took in each(lambda contender: contender.requests(_requests(contender, plan.requests))):
                    if number:
                        measured.rounds[name].append(took)
            measured.recorded.update(each(Contender.verify))
    return measured


def _requests(contender: Contender, requests: int) -> int:
    return max(1, requests // _SLOW_SHARE) if contender.tool.slow else requests


def results(measured: Measured) -> list[dict[str, Any]]:
    """For each contender the medians: of its rounds, and of what it added to plain Django in the same round."""
    plain = measured.rounds["plain"]
    found: list[dict[str, Any]] = []
    for name, took in measured.rounds.items():
        added = [one - other for one, other in zip(took, plain, strict=True)]
        low, middle, high = statistics.quantiles(added, n=4) if len(added) > 1 else added * 3
        found.append(
            {
                "contender": name,
                "title": TOOLS[name].title,
                "us": statistics.median(took),
                "added_us": middle,
                "added_quartiles_us": [low, high],
                "recorded": measured.recorded.get(name),
            }
        )
    peer = next((row["added_us"] for row in found if row["contender"] == "opentelemetry"), None)
    for row in found:
        row["of_opentelemetry"] = row["added_us"] / peer if peer else None
    return found
