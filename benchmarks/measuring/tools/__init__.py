"""The contenders, by name."""

from __future__ import annotations

from .base import Tool, version_of, view
from .gateway import Gateway, Off
from .peers import DebugToolbar, OpenTelemetry, Sentry, Silk

__all__ = ["TOOLS", "Tool", "version_of", "view"]

TOOLS: dict[str, type[Tool]] = {
    tool.name: tool for tool in (Tool, Off, Gateway, OpenTelemetry, Sentry, Silk, DebugToolbar)
}
