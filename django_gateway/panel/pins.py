"""Exchanges that somebody wants to keep: copies beside the store, which neither its capacity nor "clear" takes away.

``.gateway/pinned/`` holds two small files for each: the row of the list, and the whole exchange.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from ..exchange import Exchange, Summary, format_id, parse_id, summarise
from ..stores.base import StoreError
from ..stores.encoding import decode, encode

MOST: Final = 50
_ROW: Final = ".row"
_WHOLE: Final = ".exchange"

_summary = msgspec.msgpack.Decoder(Summary)


class Pins:
    """``folder`` is the ``.gateway`` folder; nothing is made before something is pinned."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "pinned"

    def ids(self) -> set[int]:
        try:
            names = [path.stem for path in self._folder.glob(f"*{_ROW}")]
        except OSError:
            return set()
        return {number for name in names if (number := parse_id(name)) is not None}

    def rows(self) -> list[Summary]:
        """Newest first; what another release wrote, or nobody can read, is left out."""
        found = []
        for number in sorted(self.ids(), reverse=True):
            with suppress(OSError, msgspec.MsgspecError):
                found.append(_summary.decode(self._path(number, _ROW).read_bytes()))
        return found

    def get(self, number: int) -> Exchange | None:
        try:
            return decode(self._path(number, _WHOLE).read_bytes())
        except (OSError, msgspec.MsgspecError):
            return None

    def add(self, exchange: Exchange) -> None:
        """Raises StoreError where there is no more room, or no folder to write in."""
        held = self.ids()
        if exchange.id not in held and len(held) >= MOST:
            raise StoreError(f"{MOST} exchanges are pinned, and more are not kept: unpin one first.")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The row comes last: by it a pin is known.
            self._path(exchange.id, _WHOLE).write_bytes(encode(exchange))
            self._path(exchange.id, _ROW).write_bytes(encode(summarise(exchange)))
        except OSError as error:
            raise StoreError(f"{self._folder} can't be written ({error.strerror}).") from error

    def remove(self, number: int) -> None:
        for suffix in (_ROW, _WHOLE):
            with suppress(OSError):
                self._path(number, suffix).unlink()

    def _path(self, number: int, suffix: str) -> Path:
        return self._folder / f"{format_id(number)}{suffix}"
