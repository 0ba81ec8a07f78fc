"""The supervisor: it owns the sockets, starts the workers and the panel, and starts workers anew when a file changes.

It imports nothing of the project but its settings, so no error in the project can end it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..workers.environment import GRACE, SPARE
from . import certificates, dotenv
from .announcing import Announcer
from .child import Child, Message
from .console import Console, ending, listed
from .crashes import Crashes
from .files import folders_of, is_dotenv, shown
from .fronting import fronting
from .generation import Generation
from .holding import Holding, Reason
from .panel import Panel
from .plan import Plan
from .spares import Spares
from .terminal import WANTED, Terminal
from .watching import Watcher
from .wiring import Wiring

#: Seconds that a retired worker has; its own grace ends first.
_RETIRED = GRACE + 2
#: Seconds that children have when everything ends: somebody has pressed Control-C and waits.
_LAST_GRACE = 2.0
_MOST_LOADS = 3  # times that a server may start a worker anew before one of them serves
_WAITING = "The project can't be loaded. This page comes back with it once a changed file is saved."


class Supervisor:
    def __init__(self, plan: Plan, console: Console, token: str | None) -> None:
        assert plan.serving.socket is not None
        self.plan = plan
        self.console = console
        self.command = plan.command()
        self.environment = plan.environment | self.command.env
        self.terminal = Terminal()
        self.children: set[Child] = set()
        self.holding = Holding(
            plan.serving.socket,
            plan.project.hosts,
            show_details=plan.project.debug,
            tls=certificates.context(plan.certificate),
        )
        self.panel = Panel(plan, console, token, self.spawn)
        self.fronting = fronting(plan, console, self.spawn)
        self.wiring = Wiring(plan, plan.wired, console, self.spawn) if plan.wired is not None else None
        reloading = plan.options.reload
        spares = plan.processes if reloading and plan.options.spare and plan.server.waits else 0
        self.spares = Spares(spares, lambda: self.start_process(spare=True))
        self.watcher = Watcher(plan.project.tree, self.changed_soon, self.warn_soon) if reloading else None
        self.dotenv = dotenv.DotEnv(plan.project.root.glob("*.env*"), dotenv.initial_environment())
        self.files: dict[str, str | None] = {}
        #: Whether any worker ever came as far as importing the project.
        self.loading = False
        self.announcer = Announcer(console)
        self.crashes = Crashes()
        self.pauses: set[asyncio.TimerHandle] = set()
        self.exit_code = 0

    async def run(self) -> int:
        """Serve until told to end; returns the exit code."""
        self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        self.loop.add_signal_handler(signal.SIGCHLD, self.look_at_children)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.loop.add_signal_handler(number, self.interrupt)
        for path, text in self.command.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            if text.startswith("#!"):
                path.chmod(0o700)
        self.current = Generation()
        self.begin()
        self.fronting.start()
        if self.wiring is not None:
            self.wiring.start()
        self.panel.start()
        if self.watcher is not None:
            self.watcher.start()
        await self.stopping.wait()
        await self.end()
        return self.exit_code

    # Processes

    def spawn(
        self, argv: Sequence[str], environment: dict[str, str], descriptors: Sequence[int], *, reads: bool = True
    ) -> Child:
        child = Child(argv, environment, descriptors, on_message=self.heard, on_end=self.ended, reads=reads)
        self.children.add(child)
        return child

    def start_process(self, *, spare: bool = False) -> Child:
        environment = self.environment | ({SPARE: "1"} if spare else {})
        return self.spawn(self.command.argv, environment, [self.plan.serving.descriptor])

    def look_at_children(self) -> None:
        for child in list(self.children):
            stopped = child.look()
            if stopped in WANTED:
                self.terminal.lend(child.pid)
            elif stopped is not None:
                child.resume()  # Control-Z while it had the terminal

    # Generations of workers

    def begin(self, changed: Sequence[str] = ()) -> None:
        """Start workers; those before them end by themselves, and nobody waits for that."""
        retired, self.current = self.current, Generation()
        for child in retired.workers:
            child.terminate(_RETIRED)
        self.holding.close()
        for pause in self.pauses:
            pause.cancel()
        self.pauses.clear()
        self.crashes.forget()
        self.announcer.begins(changed)
        for _ in range(self.plan.processes):
            self.start_worker()

    def start_worker(self) -> None:
        child = self.spares.take() or self.start_process()
        self.current.workers.add(child)
        child.send("go")

    def heard(self, child: Child, message: Message) -> None:
        kind = message["kind"]
        if child in self.spares:
            self.spares.heard(child, message)
        elif kind == "loading":
            self.loads(child)
        elif kind == "interrupt":
            self.interrupt()
        elif kind == "modules":
            self.learn(message["files"], complete=message.get("complete", False))
        elif kind == "notice":
            self.announcer.notice(message["topic"], message["text"])
        elif not self.fronting.heard(child) and child in self.current.workers:
            if kind == "serving":
                self.serves(child)
            elif kind == "failed":
                self.fail(Reason(message["title"], _WAITING, message["text"]))

    def learn(self, files: dict[str, str | None], *, complete: bool) -> None:
        self.files.update(files)
        if self.watcher is not None:
            self.watcher.add(folders_of(files.values()))
            if complete:
                self.spares.learn(self.files)

    def loads(self, child: Child) -> None:
        """A worker begins to import the project. A server that forks may start one after another, and say nothing."""
        self.loading = True
        generation = self.current
        if self.plan.server.forks and child in generation.workers and child not in generation.serving:
            generation.loads += 1
            if generation.loads == self.plan.options.workers + _MOST_LOADS:
                child.terminate(1.0)

    def serves(self, child: Child) -> None:
        generation = self.current
        self.holding.close()
        self.announcer.serves()
        self.fronting.serves()
        generation.serving[child] = self.loop.time()
        generation.loads = 0
        self.spares.refill()

    def fail(self, reason: Reason) -> None:
        """The project can't be loaded: only a change can help."""
        if self.current.failure is not None:
            return
        self.current.failure = reason
        for child in self.current.workers:
            child.terminate(_RETIRED)
        self.announcer.fails(reason.details)
        if self.watcher is None:
            self.stop(1)
            return
        self.console.warn("Waiting for a change.")
        self.holding.open(reason)

    def ended(self, child: Child) -> None:
        self.children.discard(child)
        self.terminal.take_back(child.pid)
        if self.plan.server.forks:
            child.kill_rest()
        if self.stopping.is_set():
            return
        if not (self.fronting.ended(child) and (self.wiring is None or self.wiring.ended(child))):
            self.stop(1)
        elif child in self.spares:
            self.spares.lost(child)
        elif child is self.panel.child:
            self.panel.ended(child)
        elif child in self.current.workers:
            self.current.workers.discard(child)
            if self.current.failure is None:
                self.crashed(child, self.current.serving.pop(child, None))

    def crashed(self, child: Child, served_since: float | None) -> None:
        """A worker ended that nobody had asked to: another takes its place, later and later if that goes on."""
        assert child.code is not None
        what = f"Worker {child.pid} {ending(child.code)}"
        if served_since is None and child.code > 0 and not self.loading:
            # Not the project, which it has not even begun to import: the server itself does not want to run.
            self.console.fail(f"{self.plan.server.title} {ending(child.code)} before it could serve.")
            self.stop(child.code)
            return
        pause = self.crashes.add(0.0 if served_since is None else self.loop.time() - served_since)
        if pause == 0:
            self.console.warn(f"{what}; another takes its place.")
        else:
            again = f"{what}, {self.crashes.count} times now. Next try in {pause:g} s"
            self.console.warn(f"{again}, or when a file is saved." if self.watcher else f"{again}.")
            if not self.current.serving and not self.plan.server.binds:
                self.holding.open(Reason(f"{what}.", "It is started again soon; the terminal may show why it ended."))
        self.pauses.add(self.loop.call_later(pause, self.replace))

    def replace(self) -> None:
        self.holding.close()
        self.current.loads = 0
        self.start_worker()

    # Changes; the first two are called by the watcher's thread

    def changed_soon(self, paths: list[str]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self.changed, paths)

    def warn_soon(self, text: str) -> None:
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.console.warn, text)

    def changed(self, paths: list[str]) -> None:
        if self.stopping.is_set():
            return
        variables = [Path(path) for path in paths if is_dotenv(Path(path).name)]
        for path in variables:
            self.dotenv.refresh(path, self.environment)
        changed = [shown(path, self.plan.project.root) for path in paths]
        in_place = not self.plan.server.restarts and bool(self.current.serving)
        self.fronting.changed(serving=in_place)
        if in_place:
            self.tell(changed)
            return
        if variables:
            self.spares.discard()
        self.begin(changed)

    def tell(self, changed: Sequence[str]) -> None:
        """Let a server that need not start anew know that the project has changed."""
        self.console.good(f"{listed(changed)} changed: the next request runs the new code")
        started_with = self.plan.environment | self.command.env
        variables = dict.fromkeys(started_with.keys() - self.environment.keys()) | {
            name: value for name, value in self.environment.items() if started_with.get(name) != value
        }
        for child in self.current.workers:
            child.send("changed", variables=variables)

    # The end

    def interrupt(self) -> None:
        if self.stopping.is_set():
            for child in self.children:
                child.kill()
        self.stop(0)

    def stop(self, code: int) -> None:
        if not self.stopping.is_set():
            self.exit_code = code
            self.stopping.set()

    async def end(self) -> None:
        self.announcer.ends()
        self.holding.close()
        self.spares.end()
        self.fronting.stop()
        for child in self.children:
            child.terminate(_LAST_GRACE)
        if self.watcher is not None:
            await asyncio.to_thread(self.watcher.stop)
        waiting = self.loop.call_later(
            1.2, self.console.note, "Waiting for what is in flight; CONTROL-C once more ends it."
        )
        for child in list(self.children):
            await child.ended.wait()
        waiting.cancel()
        await asyncio.to_thread(self.fronting.stop_reading)
