"""What arrived, and what the application was handed for it: each key with its value and where it came from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ...concealment import HIDDEN
from ...exchange import Exchange, Handover
from .. import origins
from ..origins import Origin
from ..text import shown
from ..words import server_name
from . import request
from .base import Query, Subject, Values

#: The keys that say most to who sees a handover for the first time.
_BRIEF: Final = {
    "scope": ("type", "method", "path", "query_string", "scheme", "client", "root_path"),
    "environ": ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "wsgi.url_scheme", "REMOTE_ADDR", "SCRIPT_NAME"),
}
#: Keys of a scope whose values are bytes.
_BYTES: Final = frozenset({"query_string", "raw_path"})
_GROUPS: Final = {
    "request": "The request",
    "headers": "Its headers",
    "interface": "WSGI itself",
    "server": "What the server adds",
    "process": "The server process' own environment",
    "unknown": "Not known",
}
LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Entry:
    key: str
    value: str
    origin: Origin
    hidden: bool
    group: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """The head of the request, put together again from the handover: order and spelling may have been others."""

    line: str
    headers: list[tuple[str, str]]
    target: str = "/"


def build(subject: Subject, query: Query) -> Values:
    exchange = subject.exchange
    handover = exchange.handover
    if handover is None:
        return {"handover": None}
    found = entries(exchange, handover)
    groups = [
        {"key": key, "name": name, "entries": [entry for entry in found if entry.group == key]}
        for key, name in _GROUPS.items()
    ]
    if handover.kind == "scope":
        listed = [entry for entry in found if entry.group != "headers"]
        groups = [{"key": "request", "name": "Keys of the scope", "entries": listed}]
        groups.append({"key": "headers", "name": "scope[“headers”], one by one", "entries": _header_entries(handover)})
    return {
        "handover": handover,
        "arrived": arrived(exchange, handover),
        "groups": [group for group in groups if group["entries"]],
        "stdin": stdin(subject),
        "argument": "scope" if handover.kind == "scope" else "environ",
        "made": request.values(exchange),
    }


def stdin(subject: Subject) -> Values | None:
    """What a CGI script read from its standard input; None for any other exchange."""
    if subject.exchange.interface != "cgi":
        return None
    trail = subject.trail
    for began, ended in zip(trail.named("cgi.stdin.started"), trail.named("cgi.stdin.finished"), strict=False):
        return {**ended.fields, "began": began.at, "took": ended.at - began.at}
    return {"size": 0}


def brief(exchange: Exchange) -> Values:
    """The few keys that the journey shows."""
    handover = exchange.handover
    if handover is None:
        return {"handover": None}
    found = {entry.key: entry for entry in entries(exchange, handover)}
    keys = [key for key in _BRIEF.get(handover.kind, ()) if key in found]
    return {
        "handover": handover,
        "arrived": arrived(exchange, handover),
        "entries": [found[key] for key in keys],
        "total": len(handover.entries),
        "argument": "scope" if handover.kind == "scope" else "environ",
    }


def entries(exchange: Exchange, handover: Handover) -> list[Entry]:
    # A process that was started for the request has its own environment in the same place.
    server = "cgi" if exchange.interface == "cgi" else exchange.server.name or ""
    headers = {name.lower(): value for name, value in _headers(handover)}
    found = []
    for key, value in handover.entries:
        origin = origins.explain(handover.kind, str(key), server)
        origin = origins.refine(origin, str(key), value, headers, server_name(server or None))
        text = literal(value, as_bytes=handover.kind == "scope" and key in _BYTES)
        found.append(Entry(str(key), text, origin, _is_hidden(value), _group(handover.kind, str(key), origin)))
    return found


def _header_entries(handover: Handover) -> list[Entry]:
    return [
        Entry(str(name), literal(value, as_bytes=True), origins.header(str(name)), _is_hidden(value), "headers")
        for name, value in _pairs(_value(handover, "headers"))
    ]


def _group(kind: str, key: str, origin: Origin) -> str:
    if kind == "scope":
        return "headers" if key == "headers" else "request"
    if not origin.known:
        return "unknown"
    if origin.source == "process environment":
        return "process"
    if key.startswith("HTTP_") and key != "HTTP_VERSION":
        return "headers"
    if "." in key:
        return "interface" if key.startswith("wsgi.") else "server"
    return "request" if "RFC 3875" in origin.specification else "server"


def _is_hidden(value: Any) -> bool:
    return isinstance(value, str) and HIDDEN in value


def literal(value: Any, *, as_bytes: bool = False) -> str:
    """As Python would write it, on one line. What is no data was recorded as its type's name in angle brackets."""
    if isinstance(value, str):
        if value.startswith("<") and value.endswith(">") and " " not in value and "." in value:
            return shown(value, LONGEST)
        text = value if len(value) <= LONGEST else value[: LONGEST + 1]
        quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return ("b" if as_bytes else "") + shown(quoted, LONGEST)
    if isinstance(value, bool) or value is None:
        return str(value)
    return shown(json.dumps(value, ensure_ascii=False, default=str), LONGEST)


def arrived(exchange: Exchange, handover: Handover) -> Arrived:
    raw = _value(handover, "raw_path") if handover.kind == "scope" else None
    full = _value(handover, "REQUEST_URI") or _value(handover, "RAW_URI")
    target = str(full or raw or quote(exchange.path, safe="/:@!$&'()*+,;=~"))
    if exchange.query and not full:
        target += f"?{exchange.query}"
    version = _value(handover, "SERVER_PROTOCOL") or f"HTTP/{_value(handover, 'http_version') or '1.1'}"
    method = exchange.method or "GET"
    return Arrived(f"{method} {target} {version}", _headers(handover), target)


def _headers(handover: Handover) -> list[tuple[str, str]]:
    if handover.kind == "scope":
        return [(origins.wire_name(str(name)), str(value)) for name, value in _pairs(_value(handover, "headers"))]
    found = []
    # wsgiref's servers, Django's among them, set both where the client sent neither: no length, and this type.
    assumed = str(_value(handover, "SERVER_SOFTWARE") or "").startswith("WSGIServer/")
    unsent = {"text/plain"} if assumed and not _value(handover, "CONTENT_LENGTH") else set()
    for key, value in handover.entries:
        if key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if value and str(value) not in unsent:
                found.append((origins.wire_name(key), str(value)))
        elif str(key).startswith("HTTP_") and key not in ("HTTP_VERSION", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"):
            # Some web servers say the length and the type twice.
            found.append((origins.wire_name(key), str(value)))
    return found


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    return [(pair[0], pair[1]) for pair in value or () if isinstance(pair, (list, tuple)) and len(pair) == 2]


def _value(handover: Handover, key: str) -> Any:
    return next((value for name, value in handover.entries if name == key), None)
