"""Compiles ``core``: ``python django_gateway/native/build.py``, or by itself when the package is installed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent

_FLAGS = (
    "-O2",
    "-DNDEBUG",
    "-g0",
    "-std=c11",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-Wall",
    "-Werror=implicit-function-declaration",
)


def target() -> Path:
    return HERE / f"core{sysconfig.get_config_var('EXT_SUFFIX')}"


def reason_against() -> str | None:
    """Why it is not built with this Python, or None."""
    if sys.implementation.name != "cpython" or not sys.platform.startswith("linux"):
        return "it is for CPython on Linux"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "it needs the interpreter's lock"
    return None


def build() -> Path:
    """Raises OSError without a compiler, CalledProcessError where it fails: without Python's headers, say."""
    made = target()
    unfinished = made.with_suffix(".new")
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    include = f"-I{sysconfig.get_path('include')}"
    command = [*compiler, *_FLAGS, include, str(HERE / "core.c"), "-o", str(unfinished)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    unfinished.replace(made)  # at once: another process may be loading the one before
    return made


if __name__ == "__main__":
    refused = reason_against()
    if refused is not None:
        sys.exit(f"django_gateway.native.core is not built: {refused}.")
    try:
        print(build())
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr)
    except OSError as error:
        sys.exit(f"django_gateway.native.core is not built: {error}")
