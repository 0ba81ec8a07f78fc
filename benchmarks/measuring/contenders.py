"""The contenders' processes, seen from the one that measures them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from .tools import TOOLS

BENCHMARKS: Final = Path(__file__).parents[1]
#: What startproject makes.
PROJECT: Final = "example"


class ContenderError(Exception):
    """A contender's process has failed; the message has what it said last."""


class Contender:
    """One process with one tool, in a folder of its own under ``folder``, where the project is.

    Its hash seed is fixed: luck with it can be worth some microseconds.
    """

    def __init__(self, name: str, interface: str, folder: Path) -> None:
        self.name = name
        self.interface = interface
        self.tool = TOOLS[name]
        own = Path(tempfile.mkdtemp(prefix=f"{interface}-{name}-", dir=folder))
        self._log = own / "log"
        path = os.pathsep.join(filter(None, (str(BENCHMARKS), str(folder), os.environ.get("PYTHONPATH"))))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "GATEWAY_", "OTEL_"))}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "measuring.worker", name, interface, str(own)],
                env={**kept, "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def requests(self, number: int) -> float:
        """Microseconds of CPU for each of them."""
        cpu: int = self.ask(requests=number)["cpu_ns"]
        return cpu / number / 1000

    def memory(self) -> int:
        """Resident bytes."""
        resident: int = self.ask(memory=None)["resident"]
        return resident

    def verify(self) -> dict[str, Any]:
        """What the tool has recorded. Raises ContenderError where that is not all."""
        return self.ask(verify=None)

    def ask(self, **action: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(action) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            said = self._log.read_text(encoding="utf-8", errors="replace").strip()
            raise ContenderError(f"{self.tool.title} under {self.interface.upper()} ended:\n{said[-4_000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_project(folder: Path) -> None:
    """A project as ``startproject`` makes it, which all contenders share."""
    subprocess.run([sys.executable, "-m", "django", "startproject", PROJECT, str(folder)], check=True)
