"""Application servers: each one's own reading of its file, where it has such a thing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from ..installed import find
from ..servers import Kind
from .base import Result, absent, run

#: A file that is a program: everything but its last part is run, so its server's own names are looked up.
_RUN: Final = "import runpy, sys; runpy.run_path(sys.argv[1])"
_HYPERCORN: Final = "import sys; from hypercorn.config import Config; Config.from_pyfile(sys.argv[1])"


def checker(kind: Kind) -> Callable[[Path], Iterator[Result]]:
    def check(folder: Path) -> Iterator[Result]:
        file = folder / kind.name / kind.file
        if file.exists():
            yield _check(kind, file, f"{kind.name}/{kind.file}")

    return check


def _check(kind: Kind, file: Path, path: str) -> Result:
    tool, command = _command(kind, file)
    if not _installed(kind) or command is None:
        return absent(path, tool, f"pip install '{kind.requirement}'")
    done = run(command, folder=Path.cwd(), PYTHONPATH=os.pathsep.join(sys.path), GATEWAY_ENABLED="0")
    if done.code == 0:
        return Result(path=path, verdict="right", tool=tool)
    return Result(path=path, verdict="wrong", tool=tool, message=done.lines[-1] if done.lines else "it failed")


def _command(kind: Kind, file: Path) -> tuple[str, list[str] | None]:
    """The tool's name for the report, and what runs it."""
    python = [sys.executable, "-W", "ignore"]
    if kind.name == "gunicorn":
        # The project may be elsewhere than where the file will stand.
        arguments = ["-m", "gunicorn", "--check-config", "--config", str(file), "--chdir", str(Path.cwd())]
        return "gunicorn --check-config", [*python, *arguments]
    if kind.name == "uwsgi":
        program = str(Path(sys.executable).parent / "uwsgi")
        found = program if os.access(program, os.X_OK) else find("uwsgi")
        return "uwsgi --strict --no-server", [found, "--strict", "--ini", str(file), "--no-server"] if found else None
    if kind.name == "hypercorn":
        return "hypercorn's Config", [*python, "-c", _HYPERCORN, str(file)]
    return f"python, {kind.requirement}", [*python, "-c", _RUN, str(file)]


def _installed(kind: Kind) -> bool:
    names = [kind.requirement.partition("[")[0].partition(">")[0], kind.name]
    for name in names:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        return True
    return False
