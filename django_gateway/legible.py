"""Anything that a server or an application hands over, as text and plain data that can be kept and shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

#: Longer values are cut: the length of what was there is kept beside it.
LONGEST: Final = 8_192
#: Longer lists and dicts likewise.
_MOST: Final = 100


def shortened(text: str) -> str:
    """Text that can be encoded, cut at ``LONGEST`` characters."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text)} characters)"
    if text.isascii():
        return text
    try:
        # What the operating system gave as bytes that are no UTF-8 (PEP 383) shows as those bytes.
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def decoded(value: Any) -> str:
    """Bytes as latin-1 (PEP 3333's "bytes-as-unicode"), text as it is, and of what is no data the type's name."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("latin-1")
    return str(value) if isinstance(value, (int, float)) or value is None else _type_of(value)


def whole(value: Any) -> int | None:
    """A status or a code: a whole number of everyday size, else None."""
    return int(value) if isinstance(value, int) and 0 <= value < 2**31 else None


def plain(value: Any, is_secret: Callable[[str], bool], hidden: str, depth: int = 3) -> Any:
    """``value`` as JSON data: bytes as latin-1, anything that is no data as its type's name in angle brackets.

    What a dict keeps under a secret name is ``hidden``.
    """
    kind = type(value)
    if kind is str:
        return value if len(value) < LONGEST and value.isascii() else shortened(value)
    if kind is bytes:
        return shortened(value.decode("latin-1"))
    if value is None or kind is bool:
        return value
    if kind is int or isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else _type_of(value)
    if depth and kind in (list, tuple):
        items = [plain(item, is_secret, hidden, depth - 1) for item in value[:_MOST]]
        return items if len(value) <= _MOST else [*items, f"… ({len(value)} items)"]
    if depth and kind is dict:
        found: dict[str, Any] = {}
        for key, item in islice(value.items(), _MOST):
            name = shortened(key if type(key) is str else decoded(key))
            found[name] = hidden if is_secret(name) else plain(item, is_secret, hidden, depth - 1)
        return found if len(value) <= _MOST else {**found, "…": f"({len(value)} items)"}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, (str, bytearray)):
        return shortened(decoded(value))
    return _type_of(value)


def _type_of(value: Any) -> str:
    kind = type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"
