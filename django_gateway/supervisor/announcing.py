"""What is said on the terminal about a restart, from the change that began it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .console import Console, listed

_SLOW = 1.0  # seconds after which a restart is announced before it is done


class Announcer:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._changed = ""
        self._began = 0.0
        self._slow: asyncio.TimerHandle | None = None
        #: What was said last about each topic.
        self._notices: dict[str, str] = {}

    def begins(self, changed: Sequence[str]) -> None:
        """Workers are started because of these files; of none at the very first."""
        self.ends()
        loop = asyncio.get_running_loop()
        self._began, self._changed = loop.time(), listed(changed)
        if changed:
            self._slow = loop.call_later(_SLOW, self._console.note, f"{self._changed} changed: restarting…")

    def serves(self) -> None:
        if self._changed:
            took = asyncio.get_running_loop().time() - self._began
            self._console.good(f"{self._changed} changed: restarted in {took:.2f} s")
        self.ends()

    def fails(self, why: str) -> None:
        changed = f" after {self._changed} changed" if self._changed else ""
        self._console.fail(f"The project can't be loaded{changed}:")
        self._console.line(f"\n{why}\n")
        self.ends()

    def ends(self) -> None:
        """Nothing more is to be said about it."""
        self._changed = ""
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def notice(self, topic: str, text: str) -> None:
        """Say something about the project unless it was the last thing said about the topic."""
        if text and self._notices.get(topic) != text:
            self._console.line(f"{text}\n")
        self._notices[topic] = text
