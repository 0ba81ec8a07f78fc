"""Environs told by what is new in them: a client sends most of what it sent the last time, in the same order.

What an environ has in common with earlier ones becomes one word (see ``vocabulary``): the order of its keys, and the
entries that are the same as ever. Only what changes is looked at and redacted one by one. This is for speed alone:
``vocabulary.expand`` gives exactly the entries that the redactor makes of the environ itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final

from . import native
from .redaction import Redactor

#: What differs from one request to the next, as does everything with a secret name.
_CHANGING: Final = frozenset(
    "REQUEST_METHOD PATH_INFO QUERY_STRING RAW_URI REQUEST_URI PATH_TRANSLATED SCRIPT_URI SCRIPT_URL CONTENT_TYPE "  # noqa: SIM905
    "HTTP_REFERER HTTP_IF_NONE_MATCH HTTP_IF_MODIFIED_SINCE HTTP_RANGE HTTP_X_REQUEST_ID HTTP_TRACEPARENT UNIQUE_ID "
    "HTTP_TRACESTATE HTTP_X_FORWARDED_FOR HTTP_X_REAL_IP HTTP_FORWARDED HTTP_CF_RAY HTTP_X_AMZN_TRACE_ID".split()
)
#: These too; remembering them would help nobody.
_OPEN: Final = frozenset({"REMOTE_ADDR", "REMOTE_PORT", "CONTENT_LENGTH"})
_OPEN_LENGTH: Final = 64

_STEADY_TYPES: Final = frozenset({str, int, bool, tuple})
_CONTAINERS: Final = frozenset({list, dict, bytes, bytearray, float})
_LONGEST: Final = 512

#: Orders of keys, and for each of them the common parts, that are remembered; past that all start anew.
_SHAPES: Final = 64
_COMMON: Final = 256


class _Shape:
    """Environs with the same keys in the same order."""

    __slots__ = ("changing", "common", "kept", "objects", "seen", "steady")

    def __init__(
        self, environ: Mapping[str, Any], is_changing: Callable[[str, Any], bool], is_open: frozenset[str]
    ) -> None:
        self.changing = [(key, key in is_open) for key, value in environ.items() if is_changing(key, value)]
        kept = [key for key in environ if (key, key in is_open) not in self.changing]
        steady = [key for key in kept if type(environ[key]) in _STEADY_TYPES]
        objects = [key for key in kept if type(environ[key]) not in _STEADY_TYPES]
        #: What is not changing: whether it is an object.
        self.kept = {key: key in objects for key in kept}
        self.steady: Any = itemgetter(*steady) if len(steady) > 1 else None
        self.objects: Any = itemgetter(*objects) if len(objects) > 1 else None
        #: The types of the objects and the number of the word, by the values of what is steady.
        self.common: dict[Any, tuple[tuple[type, ...], int]] = {}
        self.seen: set[Any] = set()


class Environs:
    """Made once per process, as its redactor is; ``keep`` gives the number of a word, or None without room."""

    def __init__(self, redactor: Redactor, keep: Callable[[Any], int | None]) -> None:
        self._redactor = redactor
        self._keep = keep
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        #: Keys with a value that can't be kept as it is.
        self._unsteady: set[str] = set()
        self._open = frozenset(key for key in _OPEN if not redactor.is_secret(key))
        #: What is learned here, once more for ``native``.
        self._familiar: Any = None if native.core is None else native.core.Familiar(redactor._tables)

    def entries(self, environ: Mapping[str, Any]) -> list[Any]:
        """The redacted entries, or first the number of what is known of them, then the rest in their order."""
        if self._familiar is not None and (found := self._familiar.find(environ)) is not None:
            return found  # type: ignore[no-any-return]
        entry = self._redactor.environ_entry
        try:
            shape = self._shapes[tuple(environ)]
            kinds, number = shape.common[shape.steady(environ)]
            if kinds != tuple(map(type, shape.objects(environ))):
                return self._learn(environ)
        except Exception:  # not known yet, or nothing that can be compared
            return self._learn(environ)
        entries: list[Any] = [number]
        for key, is_open in shape.changing:
            value = environ[key]
            if is_open and type(value) is str and _is_bare(value):
                entries.append(value)
            else:
                entries.append(entry(key, value))
        return entries

    def _learn(self, environ: Mapping[str, Any]) -> list[Any]:
        entries = self._redactor.environ(environ)
        keys = tuple(environ)
        shape = self._shapes.get(keys)
        if shape is None:
            if all(type(key) is str and len(key) <= _LONGEST for key in keys):
                if len(self._shapes) >= _SHAPES:
                    self._forget()
                self._shapes[keys] = _Shape(environ, self._is_changing, self._open)
        elif shape.steady is not None and shape.objects is not None:
            self._remember(keys, shape, environ)
        return entries

    def _remember(self, keys: tuple[str, ...], shape: _Shape, environ: Mapping[str, Any]) -> None:
        steady = shape.steady(environ)
        try:
            again = steady in shape.seen
        except TypeError:  # a value that was a text before is one no more, and can't be hashed
            return
        if not again:
            # Nothing of a client that comes once is kept.
            if len(shape.seen) >= _COMMON:
                shape.seen.clear()
            shape.seen.add(steady)
            return
        changing = {key for key, _ in shape.changing}
        order: list[Any] = []
        for key in keys:
            if key in changing:
                order.append(key)
                continue
            value, told = environ[key], self._redactor.told(key, environ[key])
            if type(value) is str and told is not value:
                # A part of it is hidden, or cut: the value itself must not stay in memory.
                self._unsteady.add(key)
                self._forget()
                return
            order.append((key, told))
        number = self._keep({"order": order})
        if number is not None:
            if len(shape.common) >= _COMMON:
                shape.common.clear()
                if self._familiar is not None:
                    self._familiar.forget(keys)
            shape.common[steady] = tuple(map(type, shape.objects(environ))), number
            if self._familiar is not None:
                self._tell(keys, shape, environ, number)

    def _tell(self, keys: tuple[str, ...], shape: _Shape, environ: Mapping[str, Any], number: int) -> None:
        """``native/familiar.c`` says what the letters mean."""
        roles = {key: "o" if is_object else "s" for key, is_object in shape.kept.items()}
        roles |= {key: "p" if is_open else self._role(key) for key, is_open in shape.changing}
        values = []
        for key in keys:
            value, role = environ[key], roles[key]
            values.append(value if role == "s" else type(value) if role == "o" else None)
        self._familiar.remember(keys, "".join(map(roles.__getitem__, keys)).encode(), tuple(values), number)

    def _role(self, key: str) -> str:
        if not self._redactor.is_secret(key):
            return "c"
        return "k" if key == "HTTP_COOKIE" else "h"

    def _forget(self) -> None:
        self._shapes.clear()
        if self._familiar is not None:
            self._familiar.forget(None)

    def _is_changing(self, key: str, value: Any) -> bool:
        kind = type(value)
        if key in _CHANGING or key in _OPEN or key in self._unsteady or kind in _CONTAINERS:
            return True
        if kind is str:
            return len(value) > _LONGEST or self._redactor.is_secret(key)
        return kind in _STEADY_TYPES and self._redactor.is_secret(key)


def _is_bare(value: str) -> bool:
    """Whether nothing in it has to be looked for, as in an address or a number."""
    return len(value) < _OPEN_LENGTH and value.isascii() and not ("?" in value or "#" in value or "@" in value)
