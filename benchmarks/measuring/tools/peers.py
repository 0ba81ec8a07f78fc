"""Tools that do part of the same, each set up as its documentation says; what it would send is dropped at the door."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from .base import Tool


class OpenTelemetry(Tool):
    name = "opentelemetry"
    title = "OpenTelemetry"
    packages = ("opentelemetry-sdk", "opentelemetry-instrumentation-django", "opentelemetry-instrumentation-asgi")

    def start(self) -> None:
        from opentelemetry import trace
        from opentelemetry.instrumentation.django import DjangoInstrumentor
        from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

        class Dropping(SpanExporter):
            requests = 0

            def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
                self.requests += sum(span.kind is trace.SpanKind.SERVER for span in spans)
                return SpanExportResult.SUCCESS

        self.exporter = Dropping()
        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(self.exporter))
        trace.set_tracer_provider(self.provider)
        DjangoInstrumentor().instrument()

    def drain(self, sent: int) -> None:
        self.provider.force_flush()

    def recorded(self) -> int:
        return self.exporter.requests


class Sentry(Tool):
    name = "sentry"
    title = "Sentry"
    packages = ("sentry-sdk",)

    def start(self) -> None:
        import sentry_sdk
        from sentry_sdk.integrations.django import DjangoIntegration
        from sentry_sdk.transport import Transport

        class Dropping(Transport):
            requests = 0

            def capture_envelope(self, envelope: Any) -> None:
                Dropping.requests += envelope.get_transaction_event() is not None

        self.transport = Dropping
        sentry_sdk.init(
            dsn="https://0123456789abcdef@sentry.invalid/1",
            integrations=[DjangoIntegration()],
            traces_sample_rate=1.0,
            transport=Dropping,
        )

    def recorded(self) -> int:
        requests: int = self.transport.requests
        return requests


class Silk(Tool):
    name = "silk"
    title = "Silk"
    packages = ("django-silk",)
    slow = True
    database = True

    def settings(self, apps: list[str], middleware: list[str]) -> dict[str, Any]:
        return {"INSTALLED_APPS": [*apps, "silk"], "MIDDLEWARE": ["silk.middleware.SilkyMiddleware", *middleware]}

    def patterns(self) -> list[Any]:
        from django.urls import include, path

        return [path("silk/", include("silk.urls", namespace="silk"))]

    def recorded(self) -> int:
        from silk.models import Request

        count: int = Request.objects.count()
        return count


class DebugToolbar(Tool):
    name = "toolbar"
    title = "Debug Toolbar"
    packages = ("django-debug-toolbar",)
    slow = True
    database = True

    def settings(self, apps: list[str], middleware: list[str]) -> dict[str, Any]:
        # It works with DEBUG only. What DEBUG itself costs is part of what it costs to have it.
        return {
            "DEBUG": True,
            "INSTALLED_APPS": [*apps, "debug_toolbar"],
            "MIDDLEWARE": ["debug_toolbar.middleware.DebugToolbarMiddleware", *middleware],
            "DEBUG_TOOLBAR_CONFIG": {"SHOW_TOOLBAR_CALLBACK": f"{__name__}.always"},
        }

    def patterns(self) -> list[Any]:
        from debug_toolbar.toolbar import debug_toolbar_urls

        urls: list[Any] = debug_toolbar_urls()
        return urls

    def start(self) -> None:
        logging.disable(logging.WARNING)

    def verify(self, sent: int) -> dict[str, Any]:
        """It keeps the newest few, so there is no count of all."""
        from debug_toolbar import settings
        from debug_toolbar.store import get_store

        kept = len(list(get_store().request_ids()))
        expected = min(sent, settings.get_config()["RESULTS_CACHE_SIZE"])
        assert kept == expected, f"{kept} of {expected} requests are in its store"
        return {"recorded": None, "kept": kept}


def always(request: Any) -> bool:
    return True
