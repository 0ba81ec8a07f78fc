"""Warm spares: workers started ahead of time, so that a restart has only the project itself to import."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import islice

from .child import Child, Message
from .preload import Preload

_BATCH = 200  # names in one message
_DELAY = 0.3  # seconds: whoever waits for the project comes first
_MOST_LOST = 10  # that died or were unfit, after which there are no more of them


class Spares:
    """Keeps as many as are wanted. ``start`` starts one."""

    def __init__(self, wanted: int, start: Callable[[], Child]) -> None:
        self._wanted = wanted
        self._start = start
        self._preload = Preload()
        self._files: Mapping[str, str | None] = {}
        self._modules: list[str] = []
        self._told: dict[Child, set[str]] = {}
        self._refilling: asyncio.TimerHandle | None = None
        self._learning: set[asyncio.Task[None]] = set()
        self._lost = 0

    def __contains__(self, child: Child) -> bool:
        return child in self._told

    def take(self) -> Child | None:
        """A spare that is alive, warm or on its way there; it is the caller's from here on."""
        while self._told:
            child = next(iter(self._told))
            del self._told[child]
            if child.code is None:
                return child
        return None

    def discard(self) -> None:
        """Throw all of them away: what they were started with has changed."""
        if self._refilling is not None:
            self._refilling.cancel()
            self._refilling = None
        while (child := self.take()) is not None:
            child.kill()

    def end(self) -> None:
        """No more of them, whatever the workers that are about to end have still to say."""
        self._wanted = 0
        self.discard()

    def refill(self) -> None:
        """Soon have as many as are wanted."""
        if self._refilling is None and self._lost < _MOST_LOST and len(self._told) < self._wanted:
            self._refilling = asyncio.get_running_loop().call_later(_DELAY, self._refill)

    def learn(self, files: Mapping[str, str | None]) -> None:
        """What a worker has imported is what the next will import."""
        if self._wanted:
            self._files = dict(files)
            task = asyncio.create_task(self._choose(self._files))
            self._learning.add(task)
            task.add_done_callback(self._learning.discard)

    def heard(self, child: Child, message: Message) -> None:
        if message["kind"] == "unfit":
            self._preload.exclude(message["module"])
            self._lost += 1
            self.discard()
            self.learn(self._files)

    def lost(self, child: Child) -> None:
        del self._told[child]
        self._lost += 1
        self.refill()

    async def _choose(self, files: Mapping[str, str | None]) -> None:
        modules = await asyncio.to_thread(self._preload.choose, files)
        if files is not self._files:
            return  # more is known by now
        self._modules = modules
        for child in self._told:
            self._tell(child)
        self.refill()

    def _refill(self) -> None:
        self._refilling = None
        while len(self._told) < self._wanted:
            child = self._start()
            self._told[child] = set()
            self._tell(child)

    def _tell(self, child: Child) -> None:
        fresh = iter([name for name in self._modules if name not in self._told[child]])
        while batch := list(islice(fresh, _BATCH)):
            child.send("preload", modules=batch)
            self._told[child].update(batch)
