"""Which variables the project's settings read: told to whoever fills in an environment file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ..plan import Plan
from ..project import module_file

_READS: Final = re.compile(
    r"""(?:environ(?:\.get\(|\[|\.setdefault\()|getenv\(|\benv(?:\.\w+)?\(|\bconfig\()\s*["']([A-Z][A-Z0-9_]*)["']"""
)
#: Set by what is generated.
_OURS: Final = {"DJANGO_SETTINGS_MODULE", "PORT", "WEB_CONCURRENCY"}


def variables(plan: Plan) -> list[str]:
    """Names of variables that stand in the settings' source, in its order. A guess: code can build names."""
    file = module_file(plan.project.settings_module)
    if file is None:
        return []
    files = sorted(file.parent.glob("*.py")) if file.parent != plan.project.base else [file]
    names = [name for one in files for name in _READS.findall(_text(one))]
    return [name for name in dict.fromkeys(names) if name not in _OURS]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
