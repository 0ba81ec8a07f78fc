"""The proxy's process, and the thread that reads its log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..redaction import Redactor
from ..stores import open_store
from .child import Child
from .console import Console, ending
from .following import Follower
from .front import LOG, Fronted
from .panel import Spawn
from .plan import Plan
from .reading import Reader
from .sightings import About, Sightings

_TRIES: Final = 3
#: Seconds that the proxy waits for its static files.
_PATIENCE: Final = 15.0


class NoFront:
    """Where the server has the public address itself: nothing to do."""

    def start(self) -> None: ...

    def changed(self, *, serving: bool = False) -> None: ...

    def serves(self) -> None: ...

    def stop(self) -> None: ...

    def stop_reading(self) -> None: ...

    def heard(self, child: Child) -> bool:
        return False

    def ended(self, child: Child) -> bool:
        return True


def fronting(plan: Plan, console: Console, spawn: Spawn) -> NoFront:
    return NoFront() if plan.front is None else Fronting(plan, plan.front, console, spawn)


class Fronting(NoFront):
    def __init__(self, plan: Plan, front: Fronted, console: Console, spawn: Spawn) -> None:
        self._plan = plan
        self._front = front
        self._console = console
        self._spawn = spawn
        self._tries = 0
        self.child: Child | None = None
        #: The process that keeps the folder of static files, where there is one to keep.
        self._links: Child | None = None
        self._has_links = any(folder.links for folder in front.values.folders)
        self._stale = False
        self._stopping = False
        self._reader = _reader(plan, front, self._reopen)

    def start(self) -> None:
        """The proxy waits until it has something to serve. What the last run left unread is read first."""
        self._loop = asyncio.get_running_loop()
        if self._reader is not None:
            self._reader.start()
        if self._has_links:
            self._link()
            self._loop.call_later(_PATIENCE, self._start_first)
        else:
            self._start_first()

    def changed(self, *, serving: bool = False) -> None:
        """The project's code is another: so may its static files be, once it serves again, or at once where it does."""
        self._stale = True
        if serving:
            self.serves()

    def serves(self) -> None:
        if self._stale and self._has_links:
            self._stale = False
            self._link()

    def heard(self, child: Child) -> bool:
        """Whether the message was for us."""
        if child is self._links:
            self._start_first()
        return child is self._links

    def _link(self) -> None:
        if self._links is not None:
            self._links.kill()
        argv = (*self._plan.python, "-m", "django_gateway.workers.static_links", str(self._front.static))
        self._links = self._spawn(("nice", *argv), self._plan.environment, [], reads=False)

    def _start_first(self) -> None:
        if self._tries == 0 and not self._stopping:
            self._start()

    def _start(self) -> None:
        self._tries += 1
        command = self._front.command()
        for path, text in command.files.items():
            path.write_text(text, encoding="utf-8")
        tether = (*self._plan.python, "-m", "django_gateway.workers.tether", str(os.getpid()))
        proxy = self._front.proxy
        environment = self._plan.environment | command.env
        argv = proxy.wrap((*tether, *command.argv))
        if proxy.talks:
            argv = (
                "sh",
                "-c",
                'log=$1; shift; exec "$@" 2>>"$log"',
                "sh",
                str(self._front.folder / "error.log"),
                *argv,
            )
        self.child = self._spawn(argv, environment, [self._front.listening.descriptor], reads=False)
        self.child.end_with = proxy.ends_with

    def ended(self, child: Child) -> bool:
        """Start it again, but not for ever; whether there is a proxy still."""
        if child is self._links:
            self._start_first()
        if child is not self.child:
            return True
        self.child = None
        child.kill_rest()
        what = f"{self._front.proxy.title} {ending(child.code or 0)}"
        log = self._front.folder / "error.log"
        if self._tries < _TRIES:
            self._console.warn(f"{what}; it is started again. Its log is {log}")
            self._loop.call_later(self._tries - 1, self._start)
            return True
        self._console.fail(f"{what} again:\n{_end_of(log)}")
        return False

    def stop(self) -> None:
        self._stopping = True

    def stop_reading(self) -> None:
        """Once the proxy has ended: all that it has written is read."""
        if self._reader is not None:
            self._reader.stop()

    def _reopen(self) -> None:
        """Called by the reader's thread: the log was moved away."""
        child, number = self.child, self._front.proxy.reopens_with
        if child is not None and child.code is None and number is not None:
            with suppress(ProcessLookupError):
                os.kill(child.pid, number)


def _reader(plan: Plan, front: Fronted, reopen: Callable[[], None]) -> Reader | None:
    gateway = plan.project.gateway
    if not gateway.enabled or gateway.store == "memory:":
        return None
    proxy = front.proxy
    about = About(
        name=proxy.name,
        title=proxy.title,
        version=front.version,
        upstream=str(front.values.upstreams[0]),
        folders=tuple(folder.url for folder in front.values.folders),
    )
    sightings = Sightings(open_store(gateway.store, gateway.capacity), about, Redactor(gateway.hide))
    return Reader(Follower(front.folder / LOG), sightings, proxy.parser(), reopen)


def _end_of(log: Path, lines: int = 5) -> str:
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
