"""Files written all or none."""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal

import msgspec


class WriteError(Exception):
    """Nothing was written; the message says why in one line."""


class Change(msgspec.Struct, frozen=True):
    path: str
    kind: Literal["new", "same", "other"]
    #: Unified, for "other".
    diff: str = ""


def compare(folder: Path, files: Mapping[str, str]) -> list[Change]:
    """What writing would do to each file. Raises WriteError where something in the way can't be read."""
    return [_change(folder, path, text) for path, text in files.items()]


def _change(folder: Path, path: str, text: str) -> Change:
    try:
        present = (folder / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Change(path, "new")
    except UnicodeDecodeError:
        return Change(path, "other", f"{path} is no text.\n")
    except OSError as error:
        raise WriteError(_why(error, folder / path)) from error
    if present == text:
        return Change(path, "same")
    return Change(path, "other", "".join(_diff(path, present, text)))


def _diff(path: str, present: str, text: str) -> Iterator[str]:
    for line in difflib.unified_diff(
        present.splitlines(keepends=True), text.splitlines(keepends=True), path, f"{path} (generated)"
    ):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Each file is complete under another name before the first takes its place. Raises WriteError.

    Where a rename fails nevertheless, what was there before comes back.
    """
    try:
        made = _make_folder(folder)
    except OSError as error:
        raise WriteError(_why(error, folder)) from error
    try:
        _fill(folder, files)
    except OSError as error:
        for path in made:
            shutil.rmtree(path, ignore_errors=True)
        raise WriteError(_why(error, folder)) from error


def _make_folder(folder: Path) -> list[Path]:
    """The topmost folder that had to be made, if any."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[-1:]


def _fill(folder: Path, files: Mapping[str, str]) -> None:
    with ExitStack() as undo:
        # Beside its destination, so that it is one file system and a rename is one step.
        staging = Path(tempfile.mkdtemp(prefix=".gatewaydeploy-", dir=folder))
        undo.callback(shutil.rmtree, staging, ignore_errors=True)
        new, old = staging / "new", staging / "old"
        for path, text in files.items():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            (new / path).write_text(text, encoding="utf-8")
        with ExitStack() as rollback:
            for path in files:
                _place(folder / path, new / path, old / path, rollback)
            rollback.pop_all()


def _place(destination: Path, new: Path, old: Path, rollback: ExitStack) -> None:
    for parent in reversed([one for one in destination.parents if not one.exists()]):
        parent.mkdir()
        rollback.callback(_quietly_remove, parent)
    if destination.exists():
        # Whoever may read it before may read it afterwards.
        shutil.copymode(destination, new)
        old.parent.mkdir(parents=True, exist_ok=True)
        os.link(destination, old)
        rollback.callback(os.replace, old, destination)
    else:
        rollback.callback(destination.unlink, missing_ok=True)
    os.replace(new, destination)


def _quietly_remove(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _why(error: OSError, path: Path) -> str:
    return f"Nothing was written: {error.filename or path}: {error.strerror or error}."
