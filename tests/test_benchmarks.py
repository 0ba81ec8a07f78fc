"""The benchmarks run, and measure what they say: no number is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "overhead.py"


def run(*arguments: str) -> Any:
    names = ("--contenders", "plain", "off", "gateway")
    command = [sys.executable, str(SCRIPT), "--json", *arguments, *names]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "GATEWAY_"))}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_each_contender_is_measured_in_each_round_and_every_request_recorded(interface: str) -> None:
    report = run("--interface", interface, "--processes", "2", "--rounds", "2", "--requests", "20")

    plain, off, gateway = report[interface]["results"]
    assert (plain["contender"], off["contender"], gateway["contender"]) == ("plain", "off", "gateway")
    assert plain["us"] > 0
    assert plain["added_us"] == 0
    assert off["recorded"] == {"recorded": None}
    # The first round of a process warms up and is recorded too.
    assert gateway["recorded"]["recorded"] == 20 * 3
    assert gateway["recorded"]["dropped"] == 0
    assert gateway["recorded"]["vantage"] == "wrapper"
    assert report["versions"]["Django"]


def test_memory_is_read_at_both_ends() -> None:
    report = run("--memory", "2500")

    plain, gateway = report["memory"]
    assert plain["contender"] == "plain"
    assert gateway["recorded"] == 2500
    assert gateway["grown_bytes"] == gateway["last_bytes"] - gateway["first_bytes"]
    assert gateway["first_bytes"] > 0
