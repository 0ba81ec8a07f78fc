"""What a message said, laid out by what it is: JSON indented, bytes as a dump, text with its lines."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ..text import shown

#: Characters of a payload that are laid out, and lines.
LONGEST: Final = 20_000
MOST: Final = 400
#: A line of text that is as long as this is seen whole in the list.
_WHOLE: Final = 120
_HEX: Final = re.compile(r"(?:[0-9a-f]{2} )*[0-9a-f]{2}")
_ROW: Final = 16


def laid_out(kind: str, excerpt: str, size: int | None) -> dict[str, Any] | None:
    """``name`` and ``text``, harmless to look at; None where the line in the list says all of it.

    ``excerpt`` is what was kept: text, or the hexadecimal digits of bytes that are no text. ``size`` is the whole
    message's, in bytes.
    """
    if not excerpt:
        return None
    taken = excerpt[:LONGEST]
    if kind == "binary" and _HEX.fullmatch(taken[: 3 * (LONGEST // 3) - 1]):
        data = bytes.fromhex(taken[: 3 * (LONGEST // 3) - 1])
        return _told("Bytes", dump(data), cut=size is not None and size > len(data))
    cut = len(excerpt) > LONGEST or (size is not None and size > len(excerpt.encode("utf-8", "surrogatepass")))
    lines = _indented(taken) if not cut else None
    if lines is not None:
        return _told("JSON", lines, cut=False) if len(lines) > 1 else None
    lines = [shown(line, 2_000) for line in taken.splitlines()]
    if len(lines) == 1 and len(taken) <= _WHOLE and not cut:
        return None
    return _told("Text", lines, cut=cut)


def dump(data: bytes) -> list[str]:
    """Sixteen bytes a line: offset, digits, and what of it is printable ASCII."""
    lines = []
    for start in range(0, len(data), _ROW):
        row = data[start : start + _ROW]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        lines.append(f"{start:06x}  {row.hex(' '):<{3 * _ROW - 1}}  {text}")
    return lines


def _indented(text: str) -> list[str] | None:
    """None for what is no JSON object or array."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text)
        told = json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return [shown(line, 2_000) for line in told.splitlines()]


def _told(name: str, lines: list[str], *, cut: bool) -> dict[str, Any]:
    return {"name": name, "text": "\n".join(lines[:MOST]), "cut": cut or len(lines) > MOST}
