"""On the path of a server under test: what the recorder swallows is also written to the file that WITNESS names.

Python imports a module of this name at its start, so nothing of the project under test changes. That the file is there
says that the witness was.
"""

from __future__ import annotations

import os
import traceback

from django_gateway import recording


def _note(self: recording.Faults, error: BaseException) -> None:
    _original(self, error)
    _write(traceback.format_exception(error))


def _write(lines: list[str]) -> None:
    with open(os.environ["WITNESS"], "a", encoding="utf-8") as file:
        file.writelines(lines)


_original = recording.Faults.note
recording.Faults.note = _note  # type: ignore[method-assign]
_write([])
