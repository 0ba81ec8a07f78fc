from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register


class GatewayConfig(AppConfig):
    name = "django_gateway"
    verbose_name = "Gateway"

    def ready(self) -> None:
        from . import checks, conf

        register(checks.check_settings)
        register(checks.check_middleware)
        register(checks.check_deployment, Tags.security, deploy=True)
        if conf.current().enabled:
            # Imported only now: with recording off nothing of ours is near a request.
            from . import instrument

            instrument.install()
