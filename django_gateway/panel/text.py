"""Recorded text made fit to be shown. Everything recorded came from somebody else and may be meant to deceive."""

from __future__ import annotations

from typing import Final

LIMIT: Final = 200

_SHORT: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def shown(value: object, limit: int = LIMIT) -> str:
    """``value`` as text on one line, at most ``limit`` characters of it, with nothing in it that acts.

    What ``str.isprintable`` does not call printable appears as its Python escape: control characters (a terminal
    would obey them), bidirectional overrides and zero-width characters (they show one thing and mean another), line
    and paragraph separators, and lone surrogates (they could not be encoded). It is not HTML: escaping stays with
    whoever writes the page.
    """
    text = value if isinstance(value, str) else str(value)
    length = len(text)
    if length > limit:
        text = text[:limit]
    if not text.isprintable():
        text = "".join(character if character.isprintable() else _escape(character) for character in text)
    return f"{text}… ({length:,} characters)" if length > limit else text


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
