"""The settings by which Django reads an address off a request: told once, as a fact of the process."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings

from .. import facts
from ..faults import faults
from ..legible import decoded, shortened

FACT: Final = "django.request"
#: Names in ALLOWED_HOSTS that are told.
_MOST: Final = 50


def tell() -> None:
    try:
        facts.tell(FACT, read())
    except Exception as fault:
        faults.note(fault)


def read() -> dict[str, Any]:
    """Plain data under the settings' own names."""
    header = settings.SECURE_PROXY_SSL_HEADER
    forced = settings.FORCE_SCRIPT_NAME
    return {
        "DEBUG": bool(settings.DEBUG),
        "ALLOWED_HOSTS": [_text(host) for host in list(settings.ALLOWED_HOSTS)[:_MOST]],
        "SECURE_PROXY_SSL_HEADER": [_text(part) for part in header[:2]] if header else None,
        "USE_X_FORWARDED_HOST": bool(settings.USE_X_FORWARDED_HOST),
        "USE_X_FORWARDED_PORT": bool(settings.USE_X_FORWARDED_PORT),
        "FORCE_SCRIPT_NAME": None if forced is None else _text(forced),
    }


def _text(value: Any) -> str:
    return shortened(decoded(value))
