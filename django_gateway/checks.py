"""System checks: a malformed setting is named, with what it accepts, before it can surprise."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage

from . import conf

#: 128 bits in base64's alphabet.
_TOKEN: Final = 22
_MIDDLEWARE: Final = "django_gateway.middleware.GatewayMiddleware"


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        checks.Error(problem.message, hint=problem.hint, obj=problem.key, id="django_gateway.E001")
        for problem in conf.problems(getattr(settings, "GATEWAY", {}))
    ]


def check_deployment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """For ``check --deploy``: a panel that is open in production is a decision, not an accident."""
    if not settings.DEBUG and conf.current().panel:
        return [
            checks.Warning(
                "The panel answers although DEBUG is off: it shows recorded requests to whoever has its token.",
                hint="Remove GATEWAY['PANEL'], or leave it and keep GATEWAY_PANEL_TOKEN secret.",
                id="django_gateway.W001",
            )
        ]
    return []


def check_token(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    token = os.environ.get("GATEWAY_PANEL_TOKEN", "")
    if token and len(token) < _TOKEN:
        return [
            checks.Warning(
                f"GATEWAY_PANEL_TOKEN has {len(token)} characters: it can be guessed.",
                hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
                id="django_gateway.W003",
            )
        ]
    return []


def check_middleware(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.MIDDLEWARE.count(_MIDDLEWARE) > 1:
        return [
            checks.Warning(
                "GatewayMiddleware is listed more than once; only the first records.",
                hint=f"Keep one {_MIDDLEWARE!r} in MIDDLEWARE, best as its first line.",
                id="django_gateway.W002",
            )
        ]
    return []
