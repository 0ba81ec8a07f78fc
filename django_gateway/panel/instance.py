"""What this process's panel is: its token, its names, its store.

A process of its own installs it once (``__main__``). Mounted in a project, it follows the project's settings at each
request, so that a setting overridden in a test holds at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from .. import served
from ..served import Served
from ..stores.base import Store
from .hosts import exact_names
from .tokens import Tries, load_token


@dataclass(frozen=True)
class Instance:
    #: Where the token file is, or would be.
    folder: Path
    #: Exact names that it answers to besides this machine's own (``hosts``).
    hosts: frozenset[str]
    open_store: Callable[[], Store]
    #: Raises TokenError.
    token: Callable[[], str]
    #: Whether a request may be held open for the live feed. False wherever it would hold one of a project's workers.
    streams: bool = False
    #: What is served with which settings; None where nobody has told.
    served: Callable[[], Served | None] = lambda: None
    #: The process that has started all of it; None where that is not known.
    supervisor: int | None = None


TRIES = Tries()

_installed: Instance | None = None
_stores: dict[tuple[str, int], Store] = {}
_lock = threading.Lock()


def install(instance: Instance | None) -> None:
    """None gives the panel back to the project's settings."""
    global _installed
    _installed = instance


def current() -> Instance | None:
    """None where the panel is off."""
    return _installed or _mounted()


def _mounted() -> Instance | None:
    from .. import conf

    configuration = conf.current()
    if not configuration.panel:
        return None
    return Instance(
        folder=configuration.folder,
        hosts=exact_names(settings.ALLOWED_HOSTS),
        open_store=lambda: shared_store(configuration.store),
        token=lambda: load_token(configuration.folder),
        served=served.of_project,
    )


def shared_store(url: str) -> Store:
    """Opened once per process: what a fork inherits is left to the parent."""
    from .. import process
    from ..stores import open_store

    if url == "memory:":
        # There is nothing to open a second time: the store is the one that this process records into.
        return process.writer().store
    key = (url, os.getpid())
    with _lock:
        store = _stores.get(key)
        if store is None:
            store = _stores[key] = open_store(url)
        return store
