"""A project's own file as it is shown: its lines, the ones that make the application, what sounds secret left out."""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

#: Bytes; more is no wsgi.py.
LARGEST: Final = 64 * 1024
_SECRET: Final = re.compile(
    r"((?:secret|passw|token|api_?key|private|credential)\w*[\"']?\]?\s*[,=:]\s*[rbuf]*)([\"'])(?:\\.|(?!\2).)*\2",
    re.IGNORECASE,
)
_KINDS: Final = {tokenize.COMMENT: "comment", tokenize.STRING: "string", tokenize.NUMBER: "number"}


class Part(NamedTuple):
    #: "", "comment", "string", "number", "keyword".
    kind: str
    text: str


class Line(NamedTuple):
    number: int
    parts: list[Part]
    #: Whether it is one of those that make the application.
    marked: bool


def read(file: str, root: str) -> str | None:
    """The text of a file below ``root``; None where it is none, can't be read, or lies elsewhere behind a link."""
    try:
        path, folder = Path(file).resolve(strict=True), Path(root).resolve(strict=True)
        if not root or not path.is_relative_to(folder) or not path.is_file() or path.stat().st_size > LARGEST:
            return None
        return path.read_text("utf-8", "backslashreplace")
    except (OSError, ValueError):
        return None


def defined_at(text: str, name: str) -> tuple[int, int] | None:
    """First and last line of the last statement of the module that binds ``name``."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    found = [node for node in _statements(body) if name in _bound(node)]
    return (found[-1].lineno, found[-1].end_lineno or found[-1].lineno) if found else None


def _statements(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Of the module's own level, also below an ``if`` or a ``try``."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        for inner in ("body", "orelse", "finalbody"):
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                found += _statements(getattr(node, inner, []))
    return found


def _bound(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}


def lines(text: str, marked: tuple[int, int] | None) -> list[Line]:
    text = _SECRET.sub(r"\1\2•••••\2", text)
    kinds = _kinds(text)
    first, last = marked or (0, -1)
    return [
        Line(number, _parts(line, kinds.get(number, [])), first <= number <= last)
        for number, line in enumerate(text.splitlines(), 1)
    ]


def _kinds(text: str) -> dict[int, list[tuple[int, int, str]]]:
    """For each line: from which column to which something is of which kind."""
    found: dict[int, list[tuple[int, int, str]]] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            kind = "keyword" if keyword.iskeyword(token.string) else _KINDS.get(token.type, "")
            for number in range(token.start[0], token.end[0] + 1) if kind else ():
                left = token.start[1] if number == token.start[0] else 0
                right = token.end[1] if number == token.end[0] else 1_000_000
                found.setdefault(number, []).append((left, right, kind))
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def _parts(line: str, kinds: list[tuple[int, int, str]]) -> list[Part]:
    parts, done = [], 0
    for left, right, kind in kinds:
        if left > done:
            parts.append(Part("", line[done:left]))
        parts.append(Part(kind, line[left:right]))
        done = max(done, right)
    if done < len(line):
        parts.append(Part("", line[done:]))
    return [part for part in parts if part.text]
