"""The bytes at the client's side: heads as they stood on the wire, and of bodies what was kept."""

from __future__ import annotations

from typing import Any, Final

from ...arrival import arrival, wire
from ...exchange import Exchange
from .base import Query, Subject, Values

_ROW: Final = 16
_ROWS: Final = 64
_FRAMING: Final = {
    "length": "Content-Length says where it ends",
    "chunked": "in chunks",
    "close": "it ends where the connection ends",
    "none": "none",
    "frames": "a frame says that it is the last",
}


def shows(exchange: Exchange) -> bool:
    return wire(exchange) is not None


def build(subject: Subject, query: Query) -> Values:
    seen = wire(subject.exchange) or {}
    arrived = arrival(subject.exchange)
    added = [one.name.lower() for one in arrived.added] if arrived is not None else []
    return {
        "seen": seen,
        "first": _message(seen["request"], []),
        "second": _message(seen["response"], added) if seen["response"] is not None else None,
        "decoded": seen["request"]["head"].partition("\r\n")[0].endswith(" HTTP/2"),
        "by": "" if arrived is None else arrived.by or "server or the proxy",
        "elsewhere": _host(seen["client"]) != _host(seen["known_as"]),
    }


def _host(address: str | None) -> str:
    return (address or "").rpartition(":")[0]


def _message(message: dict[str, Any], added: list[str]) -> Values:
    lines = message["head"].split("\n")
    excerpt = message["excerpt"]
    return {
        **message,
        "lines": [
            {"text": visible(f"{line}\n"), "added": line.partition(":")[0].strip().lower() in added}
            for line in lines[:-1]
        ],
        "framing_in_words": _FRAMING[message["framing"]],
        "text": [visible(line) for line in excerpt.splitlines(keepends=True)] if isinstance(excerpt, str) else [],
        "dump": dump(excerpt) if isinstance(excerpt, bytes) else [],
        "kept": len(excerpt) if excerpt is not None else 0,
    }


def visible(text: str) -> str:
    r"""Text with everything that is not printable as an escape: ``\r\n`` for the end of a line, ``\x1b``."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def dump(data: bytes) -> list[tuple[str, str, str]]:
    """Rows of a hex dump: where, the bytes in hexadecimal, the same as text."""
    rows = []
    for start in range(0, min(len(data), _ROW * _ROWS), _ROW):
        row = data[start : start + _ROW]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        rows.append((f"{start:06x}", row.hex(" "), text))
    return rows
