"""Numbers from the query string, within bounds."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest


def whole_number(request: HttpRequest, name: str, default: int, *, most: int) -> int:
    """Raises BadRequest, which Django answers with 400, where the parameter is no number from 0 to ``most``."""
    text = request.GET.get(name, str(default))
    # int() refuses thousands of digits in its own way.
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise BadRequest(f"{name} must be a whole number from 0 to {most}")
    return int(text)


def milliseconds(request: HttpRequest, default: int) -> float:
    """The parameter ``ms``, in seconds."""
    return whole_number(request, "ms", default, most=60_000) / 1000
