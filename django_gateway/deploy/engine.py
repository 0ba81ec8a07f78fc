"""Django's template language for configuration files: no settings, no HTML, and no blank line where a tag stood."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.template import Context, Engine, Library
from django.template.base import Origin
from django.template.loaders import filesystem

from . import quoting

#: The module that Django looks for filters in: this one.
register = Library()
for _name, _filter in quoting.FILTERS.items():
    register.filter(_name, _filter)

_ONLY_TAGS: Final = re.compile(r"^[ \t]*((?:\{%[^\n]*?%\}|\{#[^\n]*?#\})+)[ \t]*\n", re.MULTILINE)


class Loader(filesystem.Loader):
    """A line that holds nothing but tags leaves no line."""

    def get_contents(self, origin: Origin) -> str:
        return _ONLY_TAGS.sub(r"\1", super().get_contents(origin))


class _Unknown(str):
    """What Django would put in place of an unknown variable: an error instead."""

    __slots__ = ()

    def __contains__(self, part: object) -> bool:
        raise LookupError("The template names a variable that has no value.")


@cache
def _engine(folder: Path) -> Engine:
    return Engine(
        dirs=[str(folder)],
        loaders=[f"{__name__}.Loader"],
        builtins=[__name__],
        autoescape=False,
        string_if_invalid=_Unknown("?"),
    )


def render(folder: Path, name: str, values: Mapping[str, Any]) -> str:
    context = Context(dict(values), autoescape=False, use_l10n=False, use_tz=False)
    return str(_engine(folder).get_template(name).render(context))
