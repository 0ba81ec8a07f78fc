"""What a check says, and how tools are run."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from ..installed import PATH

_LIMIT: Final = 60


Verdict = Literal["right", "wrong", "unknown"]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    #: Below the output folder.
    path: str
    verdict: Verdict
    #: Who says so: "nginx -t".
    tool: str
    message: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        said = {"right": "ok", "wrong": "wrong", "unknown": "not checked"}[self.verdict]
        return f"{where}: {said} ({self.tool}){': ' if self.message else ''}{self.message}"


class Run(msgspec.Struct, frozen=True):
    code: int
    output: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.strip()]


def run(arguments: Sequence[str], *, folder: Path | None = None, **environment: str) -> Run:
    """What a tool says on both of its outputs; a tool that hangs counts as one that fails."""
    try:
        done = subprocess.run(
            arguments,
            cwd=folder,
            env={**os.environ, "PATH": PATH, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Run(-1, f"It said nothing for {_LIMIT} s.")
    except OSError as error:
        return Run(-1, str(error))
    return Run(done.returncode, done.stdout)


def absent(path: str, tool: str, wanted: str) -> Result:
    return Result(path=path, verdict="unknown", tool=tool, message=f"not installed: {wanted}")


def substituted(text: str, rules: Mapping[str, str]) -> str:
    """The text with each pattern replaced in its lines; the number of lines stays."""
    for pattern, replacement in rules.items():
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text
