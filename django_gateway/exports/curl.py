"""A request as a command line for curl, safe to paste into a shell: recorded text is hostile."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Final

from ..concealment import HIDDEN

#: What curl says by itself, or works out from the body.
_OWN: Final = frozenset({"host", "content-length", "connection", "transfer-encoding", "expect"})
#: RFC 9110's token: what is none can't be sent.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


def command(method: str, url: str, headers: Iterable[tuple[str, str]], *, body: int = 0) -> str:
    """``url`` is the whole address; ``body`` the size of a body that is not kept, in bytes.

    Headers with something hidden in them are left out, and a comment says so.
    """
    parts = ["curl"]
    if method == "HEAD":
        parts.append("--head")
    elif method != "GET" or body:
        parts += ["--request", quoted(method)]
    # The address as it is: no ranges in brackets or braces, no dots resolved.
    parts += ["--globoff", "--path-as-is", quoted(url)]
    lines = [" ".join(parts)]
    notes = []
    for name, value in headers:
        if name.lower() in _OWN or _TOKEN.fullmatch(name) is None:
            continue
        if HIDDEN in value:
            notes.append(f"# The header {name} is left out: its value was hidden before it was kept.")
        elif "\n" in value or "\r" in value or "\0" in value:
            notes.append(f"# The header {name} is left out: no header can hold what was recorded.")
        else:
            # "name;" is curl's way to send a header without a value.
            lines.append(f"--header {quoted(f'{name}: {value}' if value else f'{name};')}")
    if body:
        notes.append(f"# The request's body ({body:,} bytes) was not kept: add it with --data-binary @FILE.")
    return "\n".join([*notes, " \\\n  ".join(lines)]) + "\n"


def quoted(text: str) -> str:
    """One word for a shell. What a terminal would act upon, or nobody can see, is spelled out as ``$'\\x1b'``."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
