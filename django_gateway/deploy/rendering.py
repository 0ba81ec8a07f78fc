"""Text from a template and values. Django's template language does it, and is imported when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

TEMPLATES: Final = Path(__file__).parent / "templates"


def render(name: str, values: Mapping[str, Any]) -> str:
    """Raises quoting.QuotingError where a value can't be said in the template's format."""
    from . import engine

    return engine.render(TEMPLATES, name, values)
