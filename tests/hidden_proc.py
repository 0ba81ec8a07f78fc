"""A system without /proc: a mount namespace in which an empty folder lies over it."""

from __future__ import annotations

import os
import subprocess
from typing import Final

import pytest

_SCRIPT: Final = 'mount -t tmpfs -o ro none /proc && exec "$@"'


def without_proc() -> list[str]:
    """What stands before a command that is to run so; it keeps its process id.

    Where there may be no such namespace the test fails; it is skipped for a developer who is not root.
    """
    prefix = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        prefix.append("--map-root-user")
    prefix += ["sh", "-c", _SCRIPT, "sh"]
    try:
        done = subprocess.run([*prefix, "ls", "/proc"], capture_output=True, text=True, check=False)
    except OSError as error:
        why: str | None = str(error)
    else:
        why = None if done.returncode == 0 and not done.stdout else done.stderr.strip() or "/proc is there still"
    if why is not None:
        reason = f"/proc cannot be taken away here, and the test of a system without it needs that: {why}"
        if os.geteuid() != 0 and not os.environ.get("CI"):
            pytest.skip(reason)
        pytest.fail(reason)
    return prefix
