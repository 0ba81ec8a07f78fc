"""The ASGI application as an attribute, for servers that look into a module's dictionary."""

from __future__ import annotations

from .application import asgi as application

__all__ = ["application"]
