"""Watching files, in a thread: watchfiles waits for the kernel's word, and for the end of a burst."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable

from watchfiles import watch

from .files import MOST_FOLDERS, Tree

# Milliseconds. A burst of changes ends when nothing more comes for _STEP, or after _LONGEST.
_STEP = 20
_LONGEST = 400
_LOOK = 200
# Nanoseconds that a file's time may lie behind the clock.
_COARSE = 10_000_000


class Watcher:
    """Calls ``changed(paths)`` in its own thread, with the files that matter.

    Each folder is watched by itself: trees like node_modules cost nothing then, and folders outside of the project can
    be added.
    """

    def __init__(self, tree: Tree, changed: Callable[[list[str]], None], warn: Callable[[str], None]) -> None:
        self._tree = tree
        self._changed = changed
        self._warn = warn
        self._more: set[str] = set()
        self._stopped = False
        self._again = threading.Event()
        self._polling = False
        self._thread = threading.Thread(target=self._run, name="gateway-watcher", daemon=True)

    def start(self) -> None:
        """What changes from now on is a change, also before the first watch is set up."""
        self._known, self._since = set(self._tree.folders()), time.time_ns()
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._again.set()
        self._thread.join(timeout=2)

    def add(self, folders: Iterable[str]) -> None:
        """Watch these folders too."""
        fresh = set(folders) - self._more
        if fresh:
            self._more = self._more | fresh  # a new set: the thread may be going through the old one
            self._again.set()

    def _run(self) -> None:
        while True:
            self._again.clear()
            if self._stopped:
                return
            folders = self._tree.folders()
            if len(folders) >= MOST_FOLDERS:
                self._warn(f"Watching {MOST_FOLDERS} folders and no more: is {self._tree.roots[0]} the project's?")
            fresh = [folder for folder in folders if folder not in self._known]
            self._known = set(folders)
            more = sorted(folder for folder in self._more - self._known if os.path.isdir(folder))
            try:
                self._watch([*folders, *more], fresh)
            except FileNotFoundError:  # a folder that went meanwhile
                continue
            except (OSError, RuntimeError) as error:  # such as the kernel's limit, fs.inotify.max_user_watches
                if self._polling:
                    self._warn(f"Files can't be watched any more ({error}): a change starts nothing.")
                    return
                self._polling = True
                self._warn(f"Files are looked at again and again, since they can't be watched: {error}")

    def _watch(self, folders: list[str], fresh: list[str]) -> None:
        """Watch until the set of folders has to change."""
        known = set(folders)
        missed: Iterable[str] | None = None
        for batch in watch(
            *folders,
            watch_filter=None,
            step=_STEP,
            debounce=_LONGEST,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            stop_event=self._again,
            recursive=False,
            raise_interrupt=False,
            ignore_permission_denied=True,
            force_polling=self._polling or None,
        ):
            changed = {path for _, path in batch}
            if missed is None:
                # Between the last watch and this one, and in folders that were filled before they were watched.
                missed = (*_changed_since(folders, self._since - _COARSE), *_changed_since(fresh, 0))
                changed.update(missed)
            self._since = time.time_ns()
            mattering = sorted(path for path in changed if self._tree.matters(path))
            if mattering:
                self._changed(mattering)
            if any(path not in known and os.path.isdir(path) and self._tree.has_code(path) for path in changed):
                return


def _changed_since(folders: Iterable[str], since: int) -> Iterable[str]:
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_file() and entry.stat().st_mtime_ns >= since:
                        yield entry.path
        except OSError:
            continue
