"""Servers that are programs of the system rather than Python packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache

from .base import ServerError

#: Where systems keep daemons, which is not in every user's PATH.
_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find(*names: str) -> str | None:
    """The path of the first of these programs that is installed."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOLDERS))
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def require(title: str, package: str, *names: str) -> str:
    """As ``find``. Raises ServerError where there is none, naming Debian's package."""
    program = find(*names)
    if program is None:
        raise ServerError(f"{title} is not installed. To install it: apt install {package}")
    return program


@cache
def version(program: str, option: str = "-v") -> str:
    """The first number like 1.2.3 that the program says of itself."""
    try:
        said = subprocess.run([program, option], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerError(f"{program} does not run: {error}") from error
    found = re.search(r"\d+(?:\.\d+)+", said.stdout + said.stderr)
    if found is None:
        raise ServerError(f"{program} {option} says no version: {(said.stderr or said.stdout).strip()[:200]}")
    return found[0]
