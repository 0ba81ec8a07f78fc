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


def test_gateways_are_measured_by_the_same_view() -> None:
    script = SCRIPT.with_name("gateways.py")
    names = ["CGI, embedded host", "WSGI, Gunicorn", "ASGI, uvicorn"]
    command = [sys.executable, str(script), "--json", "--requests", "4", "--contenders", *names]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)

    cgi, wsgi, asgi = report["results"]
    assert [row["contender"] for row in report["results"]] == names
    for row in (cgi, wsgi, asgi):
        assert row["requests"] == 4
        low, high = row["latency_quartiles_ms"]
        assert 0 < low <= row["latency_ms"] <= high
        assert row["idle_bytes"] > 0
    # Only a process for one request has memory of its own for it, and it costs CPU that no clock is too coarse for.
    assert cgi["request_bytes"] > 10_000_000
    assert cgi["cpu_ms"] > 0
    assert wsgi["request_bytes"] is asgi["request_bytes"] is None
    assert report["machine"]
    assert report["versions"]["Django"]


def test_the_panels_pages_are_measured(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT.with_name("panel.py")), "--exchanges", "200", "--rounds", "1"]
    result = subprocess.run(
        [*command, "--no-browser", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    found = json.loads(result.stdout)
    assert found["exchanges"] == 200
    assert "status:5xx" in found["list"]
    assert found["counting"]["looks"] == 1
    assert all(each["median_ms"] > 0 for each in (*found["list"].values(), found["routes"], *found["server"].values()))
