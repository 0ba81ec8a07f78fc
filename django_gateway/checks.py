"""System checks: a malformed setting is named, with what it accepts, before it can surprise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage

from . import conf

_MIDDLEWARE = "django_gateway.middleware.GatewayMiddleware"


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
