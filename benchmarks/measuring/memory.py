"""What a worker's memory does over many recorded requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from .contenders import Contender

FIRST: Final = 2_000
LAST: Final = 200_000
#: Far below what the writer's queue holds, and it is empty after each.
ROUND: Final = 500


def measure(name: str, interface: str, folder: Path, say: Callable[[str], None], last: int = LAST) -> dict[str, Any]:
    """Resident bytes after FIRST and after ``last`` requests. Raises ContenderError."""
    with Contender(name, interface, folder) as contender:
        found = {}
        for sent in range(ROUND, last + 1, ROUND):
            contender.requests(ROUND)
            if sent == FIRST:
                found["first"] = contender.memory()
            if sent % 10_000 == 0:
                say(f"{contender.tool.title}, {interface.upper()}: {sent:,} of {last:,} requests")
        found["last"] = contender.memory()
        return {
            "contender": name,
            "title": contender.tool.title,
            "interface": interface,
            "requests": last,
            "first_bytes": found["first"],
            "last_bytes": found["last"],
            "grown_bytes": found["last"] - found["first"],
            **contender.verify(),
        }
