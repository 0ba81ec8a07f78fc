"""Variables from ``.env`` files, when such a file changes.

manage.py, or the settings, load them into this process' environment once, and loaders leave alone what is set already:
a worker that got the old values would never see the new ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path


def initial_environment() -> Mapping[str, str]:
    """What this process was started with, before manage.py or the settings added to it; Linux only, else nothing."""
    try:
        entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return dict(os.environ)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in (entry.partition(b"=") for entry in entries)}


def parsed(text: str) -> dict[str, str]:
    """``NAME=value`` lines, with ``export``, quotes and comments as the usual loaders have them; no interpolation."""
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name.isidentifier():
            continue
        if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
            quote = value[0]
            value = value[1 : value.find(quote, 1)]
            if quote == '"':
                value = value.replace("\\n", "\n")
        else:
            value = value.partition(" #")[0].rstrip()
        values[name] = value
    return values


class DotEnv:
    """Remembers what the files said, so that what a change takes away is taken away."""

    def __init__(self, paths: Iterable[Path], initial: Mapping[str, str]) -> None:
        self._initial = initial
        self._said = {path: self._read(path) for path in paths}

    def refresh(self, path: Path, environment: dict[str, str]) -> None:
        """Bring what the changed file says into the environment; what was set by whoever started us stays as it was."""
        before, now = self._said.get(path, {}), self._read(path)
        self._said[path] = now
        for name in before.keys() | now.keys():
            if name in self._initial or before.get(name) == now.get(name):
                continue
            if name in now:
                environment[name] = now[name]
            else:
                environment.pop(name, None)

    @staticmethod
    def _read(path: Path) -> dict[str, str]:
        try:
            return parsed(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return {}
