"""What the panel's templates know beyond Django's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template import Context, Library
from django.utils.html import escape
from django.utils.safestring import mark_safe

from . import assets, drawing, units
from .pages import address as path_of
from .text import LIMIT, shown
from .timeline.geometry import Shape

register = Library()


@register.simple_tag(takes_context=True)
def asset(context: Context, name: str) -> str:
    """The address of a file under static/django_gateway/. An unknown name is a mistake in a template: KeyError."""
    loaded = assets.load()
    if name not in loaded.files:
        raise KeyError(name)
    return path_of(context["request"], "asset", loaded.digest, name)


@register.simple_tag(takes_context=True)
def address(context: Context, name: str, *args: Any) -> str:
    return path_of(context["request"], name, *args)


@register.filter(name="shown")
def shown_filter(value: object, limit: int = LIMIT) -> str:
    """Recorded text, safe to look at; autoescaping makes it safe to parse."""
    return shown(value, limit)


@register.filter
def dotted(value: object, limit: int = LIMIT) -> str:
    """A dotted path as ``shown``, which may go on in the next line behind each dot."""
    return mark_safe(escape(shown(value, limit)).replace(".", ".<wbr>"))


@register.filter
def duration(nanoseconds: int | None) -> str:
    return "—" if nanoseconds is None else units.duration(nanoseconds)


@register.filter
def bytesize(count: int | None) -> str:
    return "—" if count is None else units.size(count)


@register.filter
def ms(nanoseconds: int | None) -> str:
    """For columns whose numbers are to be compared: all of one unit, with one number of digits."""
    return "—" if nanoseconds is None else units.milliseconds(nanoseconds)


@register.filter
def intcomma(number: int) -> str:
    """``12,345``, whatever the host's locale."""
    return f"{number:,}"


@register.simple_tag
def piece(shape: Shape, first: bool = False) -> str:
    return drawing.piece(shape, first)


@register.simple_tag
def piece_labels(shape: Shape) -> str:
    return drawing.labels(shape)


@register.simple_tag
def list_row(row: Mapping[str, Any] | None, selected: str = "") -> str:
    return drawing.row(row, selected)
