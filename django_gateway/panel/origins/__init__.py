"""Where each key of a handover comes from: which part of the request, which specification. Pure, no Django."""

from __future__ import annotations

from . import asgi, cgi, process, wsgi
from .answer import describe_answer
from .base import Origin
from .headers import describe, wire_name
from .trust import refine

__all__ = ["Origin", "describe", "describe_answer", "explain", "header", "refine", "wire_name"]


def explain(kind: str, key: str, server: str | None = None) -> Origin:
    """``kind`` is a handover's: "environ" or "scope"."""
    return _scope(key) if kind == "scope" else _environ(key, server or "")


def header(name: str) -> Origin:
    """Of one header in a scope's list."""
    name = wire_name(name)
    known = describe(name)
    if known is None:
        return Origin(f"header {name}", "A header of the client's or a proxy's own.", "", f"HTTP_{_variable(name)}")
    return Origin(f"header {name}", known.meaning, known.specification, f"HTTP_{_variable(name)}")


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _environ(key: str, server: str) -> Origin:
    found = cgi.VARIABLES.get(key) or cgi.ADDED.get(key) or wsgi.KEYS.get(key)
    if found is not None:
        return found
    if key.startswith("HTTP_"):
        return header(key)._replace(counterpart=f"headers: {wire_name(key).lower()}")
    family, dot, _ = key.partition(".")
    if dot and family in wsgi.FAMILIES:
        return wsgi.FAMILIES[family]
    for prefix, origin in cgi.FAMILIES.items():
        if key.startswith(prefix):
            return origin
    return process.explain(key, server)


def _scope(key: str) -> Origin:
    found = asgi.KEYS.get(key)
    if found is not None:
        return found
    family, dot, _ = key.partition(".")
    if dot and family in asgi.FAMILIES:
        return asgi.FAMILIES[family]
    return Origin(
        "not known",
        "Neither ASGI nor Channels defines it: something that the server or a wrapper around the application adds.",
        known=False,
    )
