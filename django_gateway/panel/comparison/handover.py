"""A handover in facts that can be held against another interface's: PATH_INFO beside path, HTTP_HOST beside its header.

The correspondence is the one of the ASGI specification's "WSGI Compatibility" section and of RFC 3875.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...exchange import Handover
from .. import origins
from ..tabs.handover import literal
from .pairs import Side

#: Keys of an environ, and the topic that a scope has under another name.
_ENVIRON: Final = {
    "REQUEST_METHOD": "method",
    "PATH_INFO": "path",
    "QUERY_STRING": "query",
    "SCRIPT_NAME": "root",
    "SERVER_PROTOCOL": "version",
    "wsgi.url_scheme": "scheme",
    "REMOTE_ADDR": "client address",
    "REMOTE_PORT": "client port",
    "SERVER_NAME": "server name",
    "SERVER_PORT": "server port",
    "CONTENT_TYPE": "header content-type",
    "CONTENT_LENGTH": "header content-length",
    "wsgi.version": "interface version",
}
_SCOPE: Final = {
    "method": "method",
    "path": "path",
    "query_string": "query",
    "root_path": "root",
    "http_version": "version",
    "scheme": "scheme",
    "asgi": "interface version",
    "raw_path": "target",
}
#: Names under which servers hand over the target as it was sent, the usual one first.
_TARGETS: Final = ("REQUEST_URI", "RAW_URI")
_ADDRESSES: Final = {
    "client": ("client address", "client port"),
    "server": ("server name", "server port"),
}
_BYTES: Final = frozenset({"query_string", "raw_path"})


def facts(handover: Handover | None, server: str | None = None) -> list[Side]:
    """Each topic once; a name that is found twice stands for itself the second time."""
    if handover is None:
        return []
    found: dict[str, Side] = {}
    for side in _scope(handover) if handover.kind == "scope" else _environ(handover, server):
        topic = side.topic if side.topic not in found else f"key {side.key}"
        while topic in found:
            topic += "'"
        found[topic] = Side(topic, side.key, side.value, side.meaning, side.group)
    return list(found.values())


def _environ(handover: Handover, server: str | None) -> Iterator[Side]:
    given = {str(key): value for key, value in handover.entries}
    target = next((name for name in _TARGETS if name in given), "")
    # Some servers say a header's length and type twice: the variable of RFC 3875 counts.
    for key, value in given.items():
        topic = "target" if key == target else _ENVIRON.get(key, "")
        if not topic and key.startswith("HTTP_"):
            topic = f"header {key[5:].lower().replace('_', '-')}"
        shown = literal(value)
        yield Side(topic or f"key {key}", key, shown, _meaning(topic, value), _group(topic, key, server))


def _scope(handover: Handover) -> Iterator[Side]:
    for name, value in handover.entries:
        key = str(name)
        if key == "headers":
            yield from _headers(value)
        elif key in _ADDRESSES:
            yield from _address(key, value)
        else:
            topic = _SCOPE.get(key, "")
            shown = literal(value, as_bytes=key in _BYTES)
            yield Side(topic or f"key {key}", key, shown, _meaning(topic, value), _group(topic, key, None))


def _headers(value: Any) -> Iterator[Side]:
    """A header that came more than once is one fact, joined as RFC 3875 does it."""
    joined: dict[str, list[str]] = {}
    for pair in value if isinstance(value, (list, tuple)) else ():
        if isinstance(pair, (list, tuple)) and len(pair) == 2:
            joined.setdefault(str(pair[0]).lower(), []).append(str(pair[1]))
    for name, values in joined.items():
        text = ("; " if name == "cookie" else ",").join(values)
        shown = literal(text, as_bytes=True)
        yield Side(f"header {name.replace('_', '-')}", f"headers: {name}", shown, text.strip(), "headers")


def _address(key: str, value: Any) -> Iterator[Side]:
    parts = value if isinstance(value, (list, tuple)) else (value,)
    for number, (topic, part) in enumerate(zip(_ADDRESSES[key], parts, strict=False)):
        yield Side(topic, f"{key}[{number}]", literal(part), "" if part is None else str(part), "connection")


def _meaning(topic: str, value: Any) -> str:
    text = literal(value) if not isinstance(value, str) else value
    if topic == "version":
        return text.upper().removeprefix("HTTP/").removesuffix(".0")
    if topic in ("path", "root"):
        # PEP 3333 hands the bytes over as latin-1; ASGI hands over text.
        try:
            return text.encode("latin-1").decode()
        except UnicodeError:
            return text
    if topic == "target":
        return text.partition("?")[0]
    return text.strip()


def _group(topic: str, key: str, server: str | None) -> str:
    if topic.startswith("header "):
        return "headers"
    if topic.startswith(("client", "server")):
        return "connection"
    if topic and topic != "interface version":
        return "request"
    if server is not None and origins.explain("environ", key, server).source == "process environment":
        return "process"
    return "interface"
