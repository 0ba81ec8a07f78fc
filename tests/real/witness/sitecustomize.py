"""On the path of a server under test: what the recorder swallows is also written to the file that WITNESS names.

Python imports a module of this name at its start, so nothing of the project under test changes. That the file is there
says that the witness was.
"""

from __future__ import annotations

import os
import traceback

from django_gateway.faults import Faults


def _note(self: Faults, error: BaseException) -> None:
    _original(self, error)
    _write(traceback.format_exception(error))


def _write(lines: list[str]) -> None:
    with open(os.environ["WITNESS"], "a", encoding="utf-8") as file:
        file.writelines(lines)


_original = Faults.note
Faults.note = _note  # type: ignore[method-assign]
_write([])
