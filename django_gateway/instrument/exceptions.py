"""Exceptions that Django turns into a response."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from typing import Any, Final

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.handlers import exception
from django.http import Http404
from django.http.multipartparser import MultiPartParserError

from ..clocks import now
from ..failures import without_us
from ..recording import current, faults
from ..vocabulary import CODES
from .headers import passed

_EXCEPTION: Final = CODES["django.exception"]

#: Exceptions that say what to answer, and are no failure of the view.
_ANSWERS: Final = (Http404, PermissionDenied, MultiPartParserError, BadRequest, SuspiciousOperation)


def patches() -> Iterable[tuple[Any, str, Any]]:
    yield exception, "response_for_exception", _recorded(exception.response_for_exception)


def _recorded(original: Any) -> Any:
    @wraps(original)
    def response_for_exception(request: Any, exc: Exception) -> Any:
        recording = current.get()
        if recording is None:
            return original(request, exc)
        try:
            if not isinstance(exc, _ANSWERS):
                recording.fail(exc, handled=True)
        except Exception as fault:
            faults.note(fault)
        at = now()
        try:
            response = original(request, exc)
        except BaseException as error:  # with DEBUG_PROPAGATE_EXCEPTIONS it is the same again
            without_us(error)
            raise
        try:
            recording.note((_EXCEPTION, at, type(exc).__name__, getattr(response, "status_code", None)))
            passed(recording, response, exception.__name__, now())
        except Exception as fault:
            faults.note(fault)
        return response

    return response_for_exception
