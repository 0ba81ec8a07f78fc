"""The workers that were started together, and so with the same code."""

from __future__ import annotations

from dataclasses import dataclass, field

from .child import Child
from .holding import Reason


@dataclass
class Generation:
    workers: set[Child] = field(default_factory=set)
    #: The loop's time at which each of its workers said that it serves.
    serving: dict[Child, float] = field(default_factory=dict)
    #: How often workers have begun to import the project, where the server starts them, since one has served.
    loads: int = 0
    #: Why the project can't be loaded, once one worker has found out.
    failure: Reason | None = None
