"""Where finished exchanges are kept. Stores are named by URL."""

from __future__ import annotations

from pathlib import Path

from .base import Capacity, Part, Statistics, Store, StoreBusy, StoreError
from .memory import MemoryStore
from .sqlite import SQLiteStore

__all__ = ["Capacity", "Part", "Statistics", "Store", "StoreBusy", "StoreError", "open_store"]


def open_store(url: str, capacity: Capacity | None = None) -> Store:
    """The store behind ``sqlite:///absolute/path`` or ``memory:``; nothing is read or written before it is used.

    Raises ValueError, which names what is accepted.
    """
    capacity = capacity or Capacity()
    if url == "memory:":
        return MemoryStore(capacity)
    path = url.removeprefix("sqlite:///")
    if path != url and path:
        # Three slashes and an absolute path: sqlite:////tmp/x as well as sqlite:///tmp/x names /tmp/x.
        return SQLiteStore(Path("/") / path if not path.startswith("/") else Path(path), capacity)
    raise ValueError(f"there is no store “{url}”: use sqlite:///absolute/path or memory:")
