"""The machine and what is installed, printed beside every number."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .tools import version_of


def machine() -> dict[str, str]:
    return {
        "cpu": _cpu(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def versions(packages: Iterable[str]) -> dict[str, str | None]:
    return {package: version_of(package) for package in packages}


def heading(machine: Mapping[str, str], versions: Mapping[str, str | None]) -> Iterator[str]:
    """What stands above a table."""
    cores = f"{machine['cpu']}, {machine['cores']} cores"
    yield f"{cores} · {machine['kernel']} · {machine['python']} · load {machine['load']}"
    yield " · ".join(f"{package} {version}" for package, version in versions.items())


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
