"""The panel's process: beside the workers, and untouched by what happens to them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from .child import Child
from .console import Console, ending
from .plan import Plan

_TRIES = 3


class Spawn(Protocol):
    def __call__(
        self, argv: Sequence[str], environment: dict[str, str], descriptors: Sequence[int], *, reads: bool = True
    ) -> Child: ...


class Panel:
    def __init__(self, plan: Plan, console: Console, token: str | None, spawn: Spawn) -> None:
        self._plan = plan
        self._console = console
        self._token = token
        self._spawn = spawn
        self._tries = 0
        self.child: Child | None = None

    def start(self) -> None:
        command, listening = self._plan.panel_command(), self._plan.panel
        if command is None or listening is None:
            return
        self._tries += 1
        for path, text in command.files.items():
            with suppress(OSError):  # it then shows a store, and says that nobody has told it more
                path.write_text(text, encoding="utf-8")
        environment = self._plan.environment | command.env | {"GATEWAY_PANEL_TOKEN": self._token or ""}
        tether = (*self._plan.python, "-m", "django_gateway.workers.tether", str(os.getpid()))
        self.child = self._spawn((*tether, *command.argv), environment, [listening.descriptor], reads=False)

    def ended(self, child: Child) -> None:
        """Start it again, but not for ever."""
        self.child = None
        what = f"The panel {ending(child.code or 0)}"
        if self._tries < _TRIES:
            self._console.warn(f"{what}; it is started again.")
            asyncio.get_running_loop().call_later(self._tries, self.start)
        else:
            self._console.warn(f"{what} again; the project is served without it.")
