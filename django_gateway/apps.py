from __future__ import annotations

from types import ModuleType

from django.apps import AppConfig
from django.core.checks import Tags, register

from .supervisor import early


class GatewayConfig(AppConfig):
    name = "django_gateway"
    verbose_name = "Gateway"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        if early.is_command():
            early.take_over()

    def ready(self) -> None:
        from . import checks, conf

        register(checks.check_settings)
        register(checks.check_middleware)
        register(checks.check_token)
        register(checks.check_deployment, Tags.security, deploy=True)
        if conf.current().enabled:
            # Imported only now: with recording off nothing of ours is near a request.
            from . import instrument

            instrument.install()
