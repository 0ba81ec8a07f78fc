"""How servers differ from what was sent and answered: read from ``deviations.toml``, which a test holds to be true."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Deviation:
    #: ``server/interface``.
    servers: tuple[str, ...]
    #: The request of the conformance test that shows it.
    case: str
    #: What is seen in place of what is expected.
    facts: dict[str, Any]
    #: The same for people.
    text: str


@cache
def load() -> tuple[Deviation, ...]:
    table = tomllib.loads((files(__package__) / "deviations.toml").read_text(encoding="utf-8"))
    return tuple(
        Deviation(
            tuple(entry["servers"]),
            entry["case"],
            # TOML has no null.
            {name: None if value == "null" else value for name, value in entry["facts"].items()},
            entry["text"],
        )
        for entry in table["deviation"]
    )


def of(server: str, interface: str, case: str) -> dict[str, Any]:
    """What is seen with this server in this case in place of what is expected."""
    facts: dict[str, Any] = {}
    for deviation in load():
        if deviation.case == case and f"{server}/{interface}" in deviation.servers:
            facts |= deviation.facts
    return facts


def markdown() -> str:
    """The table for the documentation."""
    lines = ["| request | servers | what differs |", "|---|---|---|"]
    lines += [f"| {one.case} | {', '.join(one.servers)} | {one.text} |" for one in load()]
    return "\n".join(lines)
