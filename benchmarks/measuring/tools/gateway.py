"""django-gateway, switched off and recording everything."""

from __future__ import annotations

import time
from typing import Any

from ..requests import BODY
from .base import Tool, view


class Off(Tool):
    name = "off"
    title = "django-gateway, off"
    packages = ("django-gateway",)

    def settings(self, apps: list[str], middleware: list[str]) -> dict[str, Any]:
        return {"INSTALLED_APPS": [*apps, "django_gateway"], "GATEWAY": {"ENABLED": False}}

    def wrap(self, application: Any) -> Any:
        import django_gateway

        return getattr(django_gateway, f"record_{self.interface}")(application)

    def verify(self, sent: int) -> dict[str, Any]:
        import django_gateway.instrument

        assert not django_gateway.instrument.is_installed(), "it is off and has patched something"
        return {"recorded": None}


class Gateway(Off):
    name = "gateway"
    title = "django-gateway"

    def settings(self, apps: list[str], middleware: list[str]) -> dict[str, Any]:
        return {**super().settings(apps, middleware), "GATEWAY": {"ENABLED": True, "STORE": self.store}}

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'exchanges.sqlite3'}"

    def drain(self, sent: int) -> None:
        from django_gateway import process

        writer = process.writer()
        while writer.written + writer.dropped < sent:
            time.sleep(0.02)  # costs no CPU to speak of, and the writer works as it always does

    def recorded(self) -> int:
        from django_gateway import process

        return process.writer().written

    def verify(self, sent: int) -> dict[str, Any]:
        """Asked of a store of its own, so of the file: the newest exchange is complete, and none is lost."""
        from django.conf import settings

        from django_gateway import process
        from django_gateway.document import document
        from django_gateway.recording import faults
        from django_gateway.stores import open_store

        writer = process.writer()
        assert (writer.written, writer.dropped, writer.error) == (sent, 0, None), (writer.written, writer.error)
        assert faults.count == 0, f"faults: {faults.last}"
        store = open_store(self.store)
        kept = store.statistics()
        assert min(sent, kept.capacity.exchanges) <= kept.exchanges <= sent, kept
        (newest,) = store.page(limit=1)
        exchange = store.get(newest.id)
        assert exchange is not None
        shown = document(exchange)
        names = [layer["name"] for layer in shown["middleware"]]
        assert names == settings.MIDDLEWARE, names
        assert shown["view"]["name"] == f"{view.__module__}.{view.__qualname__}", shown["view"]
        assert (shown["status"], shown["response"]["body_bytes"]) == (200, len(BODY)), shown["response"]
        assert "sessionid=•••••" in str(shown["handover"]), shown["handover"]
        if self.interface == "asgi":
            assert shown["loop"]["steps"] > 0, shown["loop"]
            assert shown["crossings"], "no crossing was recorded"
        else:
            assert shown["scheduler"]["running_ms"] > 0, shown["scheduler"]
        return {
            "recorded": writer.written,
            "dropped": writer.dropped,
            "vantage": shown["vantage"],
            "events": len(shown["events"]),
            "crossings": len(shown["crossings"]),
            "handover": len(shown["handover"]["entries"]),
            "middleware": len(names),
            "bytes_each": round(kept.bytes / kept.exchanges),
        }
