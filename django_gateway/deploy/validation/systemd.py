"""``systemd-analyze verify``, and how much of the machine the service can reach by ``systemd-analyze security``."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..installed import find
from . import standins
from .base import Result, absent, run

_TOOL: Final = "systemd-analyze verify"
_SECURITY: Final = "systemd-analyze security"


def units(folder: Path) -> Iterator[Result]:
    files = sorted(file for suffix in ("service", "socket") for file in (folder / "systemd").glob(f"*.{suffix}"))
    program = find("systemd-analyze")
    if program is None:
        for file in files:
            yield absent(f"systemd/{file.name}", _TOOL, "Debian's package systemd")
        return
    with standins.folder() as place:
        for file in files:
            (place / file.name).write_text(_executable(file.read_text(encoding="utf-8")), encoding="utf-8")
        for file in files:
            done = run([program, "verify", "--man=no", str(place / file.name)])
            # It reads other units too, and has something to say about some distributions' own.
            said = [line for line in done.lines if file.name in line]
            if not said:
                yield Result(path=f"systemd/{file.name}", verdict="right", tool=_TOOL)
            for line in said:
                found = re.match(rf"(?:{re.escape(str(place))}/)?{re.escape(file.name)}:(?:(\d+):)? ?(.*)", line)
                message, number = (found[2], int(found[1] or 0)) if found else (line, 0)
                yield Result(path=f"systemd/{file.name}", verdict="wrong", tool=_TOOL, message=message, line=number)
            if file.suffix == ".service":
                yield from _exposure(program, place / file.name)


def _exposure(program: str, unit: Path) -> Iterator[Result]:
    """The score, from 0 (nothing) to 10 (everything); nothing is said by a systemd before 250, which needs a unit that
    is installed."""
    done = run([program, _SECURITY.split()[1], "--offline=true", "--no-pager", str(unit)])
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.output)
    if found:
        message = f"exposure {found[1]} of 10"
        yield Result(path=f"systemd/{unit.name}", verdict="right", tool=_SECURITY, message=message)


def _executable(text: str) -> str:
    """A program that is on the server and not here is none to complain about."""
    found = re.search(r'^ExecStart=("(?:[^"\\]|\\.)*"|\S+)', text, re.MULTILINE)
    if found is None or shutil.which(standins.unquoted(found[1]).replace("%%", "%")):
        return text
    return text[: found.start(1)] + (shutil.which("true") or "/bin/true") + text[found.end(1) :]
