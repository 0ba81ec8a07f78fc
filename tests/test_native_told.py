"""Whole requests are told alike with and without the compiled part, in all that is not another each time."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from django_gateway import native
from recorders import PYTHON

PROGRAM = Path(__file__).with_name("native_told.py")


def told(folder: Path, compiled: bool) -> list[dict[str, Any]]:
    folder.mkdir()
    environment = {**os.environ, "GATEWAY_NATIVE": "1" if compiled else "0", "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [PYTHON[0], str(PROGRAM), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines.pop() == {"compiled": compiled}
    return lines


@pytest.mark.skipif(native.core is None, reason="the compiled part is not here, or switched off")
def test_whole_requests_are_told_alike(tmp_path: Path) -> None:
    compiled, python = told(tmp_path / "compiled", True), told(tmp_path / "python", False)
    assert len(compiled) == len(python) >= 100
    for one, other in zip(compiled, python, strict=True):
        for name, value in other.items():
            assert one[name] == value, f"{name} of {other['interface']} {other['path']}"
