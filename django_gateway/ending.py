"""The end of a process that multiprocessing has started, as Granian's workers are: it leaves without atexit."""

from __future__ import annotations

import sys
from collections.abc import Callable


def with_multiprocessing(function: Callable[[], object]) -> None:
    """Call ``function`` there too; once in each process, since a process that is started forgets its parent's."""
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, function, exitpriority=0)
