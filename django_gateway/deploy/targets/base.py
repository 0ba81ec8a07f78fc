"""What a target is: a name, a sentence, and files from a plan."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ..plan import Plan


class File(msgspec.Struct, frozen=True):
    #: Below the output folder, with slashes.
    path: str
    text: str


class Target(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    #: What it is, for --list.
    summary: str
    files: Callable[[Plan], list[File]]
