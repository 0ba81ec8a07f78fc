"""What is hidden, and how: names decide, before a value is copied anywhere.

The host's own data is never changed: everything here makes new copies. What was seen before comes out as the number of
a word (see ``vocabulary``), because most headers are the same in every request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

HIDDEN: Final = "•••••"

#: Django's SafeExceptionReporterFilter.hidden_settings, and what HTTP and its neighbours add to it.
NAMES: Final = (
    r"API|AUTH|TOKEN|KEY|SECRET|PASS|PWD|SIGNATURE|COOKIE|SESSION|CREDENTIAL|JWT|BEARER|CSRF|OTP\b|PRIVATE|DSN"
)
#: Names that match the pattern above and tell nothing that is worth hiding. DJANGO_SETTINGS_MODULE's neighbours in an
#: environment are not among them: an unknown name that matches stays hidden.
HARMLESS: Final = frozenset({"HTTP_SEC_WEBSOCKET_KEY1", "HTTP_SEC_WEBSOCKET_KEY2"})

#: Values that carry a query string of their own.
_URLS: Final = frozenset({"QUERY_STRING", "RAW_URI", "REQUEST_URI", "HTTP_REFERER", "referer", "location", "Location"})
_USERINFO = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)")

#: A member of a JSON object; its value may be cut off at the end of an excerpt.
_JSON_MEMBER = re.compile(r'("([^"\\]{1,200})"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}\]]+)')

#: Longer values are cut: the length of what was there is kept beside it.
LONGEST: Final = 8_192
#: Names and values remembered; past that a table starts anew.
_KEPT: Final = 4_096
#: Longer texts are not worth keeping.
_KEPT_LENGTH: Final = 512

#: Values that say the same whenever they are equal; what else is hashable may be an object with a state.
_KEPT_TYPES: Final = frozenset({bool, int, float, type(None)})
_CONTAINERS: Final = frozenset({tuple, list, dict, bytes})

#: An entry as it is recorded: ``(name, value)``, or the number of the word that says both.
Entry = tuple[str, Any] | int


def _no_words(entry: tuple[str, Any]) -> int | None:
    return None


class Redactor:
    """Made once per process; ``extra`` are further patterns of names from the settings.

    ``keep`` gives the number of an entry that is seen again and again, or None.
    """

    def __init__(self, extra: Iterable[str] = (), keep: Callable[[tuple[str, Any]], int | None] = _no_words) -> None:
        self._word = keep
        self._pattern = re.compile("|".join((NAMES, *extra)), re.IGNORECASE)
        self._secret: dict[str, bool] = {}
        self._environ: dict[Hashable, int] = {}
        self._objects: dict[Hashable, int] = {}
        self._headers: dict[Hashable, int] = {}
        self._once: set[Hashable] = set()
        #: Query strings without a secret name in them.
        self._innocent: set[str] = set()

    def is_secret(self, name: str) -> bool:
        try:
            return self._secret[name]
        except KeyError:
            if len(self._secret) > _KEPT:
                self._secret.clear()
            secret = self._secret[name] = name not in HARMLESS and self._pattern.search(name) is not None
            return secret

    def environ(self, environ: Mapping[str, Any]) -> list[Any]:
        """The entries of a WSGI environ, in its order."""
        pairs = list(environ.items())
        try:
            entries: list[Any] = list(map(self._environ.get, pairs))
        except TypeError:  # an unhashable value
            return [self._environ_entry(*pair) for pair in pairs]
        for _ in range(entries.count(None)):
            position = entries.index(None)
            entries[position] = self._environ_entry(*pairs[position])
        return entries

    def _environ_entry(self, key: str, value: Any) -> Entry:
        kind = type(value)
        if kind is not str:
            number = self._objects.get((key, kind))
            if number is not None:
                return number
            if kind in _KEPT_TYPES or (kind is tuple and all(type(item) in _KEPT_TYPES for item in value)):
                return self._keep(self._environ, (key, value), (key, plain(value)))
            if kind in _CONTAINERS:
                return (key, plain(value))
            return self._keep(self._objects, (key, kind), (key, plain(value)))
        if self.is_secret(key):
            return (key, _hidden(key, value))
        text = self._text(key, value)
        if text is value and len(value) <= _KEPT_LENGTH:
            return self._keep(self._environ, (key, value), (key, text))
        return (key, text)

    def _keep(self, table: dict[Hashable, int], key: Hashable, entry: tuple[str, Any]) -> Entry:
        """A value that came once may never come again: only the second time it becomes a word."""
        if key not in self._once:
            if len(self._once) > _KEPT:
                self._once.clear()
            self._once.add(key)
            return entry
        number = self._word(entry)
        if number is None:
            return entry
        if len(table) > _KEPT:
            table.clear()
        table[key] = number
        return number

    def scope(self, scope: Mapping[str, Any]) -> list[Any]:
        """The entries of an ASGI scope; ``headers`` is one of them, a list of entries itself."""
        entries: list[Any] = []
        for key, value in scope.items():
            if key == "headers":
                entries.append((key, self.headers(value)))
            elif key == "query_string":
                entries.append((key, self.query(_decoded(value))))
            elif type(value) is str:
                entries.append((key, HIDDEN if self.is_secret(key) else self._text(key, value)))
            else:
                entries.append((key, plain(value)))
        return entries

    def headers(self, headers: Iterable[Any]) -> list[Any]:
        """Entries of headers, whose names and values may be str (WSGI) or bytes (ASGI)."""
        if type(headers) is not list and hasattr(headers, "__next__"):
            # ASGI lets an application send any iterable: what can be read once is for the server to read.
            return [("", f"<{type(headers).__qualname__}>")]
        headers = headers if type(headers) is list else list(headers)
        try:
            entries: list[Any] = list(map(self._headers.get, headers))
        except TypeError:  # pairs that are lists, as some servers and applications make them
            return [self._header(pair) for pair in headers]
        for _ in range(entries.count(None)):
            position = entries.index(None)
            entries[position] = self._header(headers[position])
        return entries

    def _header(self, pair: Any) -> Entry:
        try:
            name, value = (_decoded(part) for part in pair)
        except (TypeError, ValueError):
            return ("", repr(pair)[:LONGEST])
        if self.is_secret(name):
            return (name, _hidden(name, value))
        text = self._text(name, value)
        if text is value and type(pair) is tuple and len(value) <= _KEPT_LENGTH:
            return self._keep(self._headers, pair, (name, text))
        return (name, text)

    def _text(self, key: str, value: str) -> str:
        if key in _URLS:
            value = self.query(value) if key == "QUERY_STRING" else self.url(value)
        elif "://" in value and "@" in value:
            value = _USERINFO.sub(HIDDEN, value)
        return shortened(value)

    def url(self, url: str) -> str:
        head, mark, query = url.partition("?")
        if "@" in head:
            head = _USERINFO.sub(HIDDEN, head)
        return shortened(head + mark + self.query(query) if mark else head)

    def query(self, query: str) -> str:
        """The query string with the values of secret names hidden, else byte for byte as it came."""
        if not query or query in self._innocent:
            return query
        if self._pattern.search(unquote_plus(query)) is None:
            if len(query) <= _KEPT_LENGTH:
                if len(self._innocent) > _KEPT:
                    self._innocent.clear()
                self._innocent.add(query)
            return shortened(query)
        fields = []
        for field in query.split("&"):
            name, mark, _ = field.partition("=")
            fields.append(f"{name}={HIDDEN}" if mark and self.is_secret(unquote_plus(name)) else field)
        return shortened("&".join(fields))

    def excerpt(self, text: str, limit: int) -> str | None:
        """The first ``limit`` characters, with the values of secret names in JSON and forms hidden; None for 0."""
        if not limit:
            return None
        return _JSON_MEMBER.sub(self._json_member, self.query(text[:limit]) if "=" in text else text[:limit])

    def _json_member(self, member: re.Match[str]) -> str:
        return f'{member[1]}"{HIDDEN}"' if self.is_secret(member[2]) else member[0]


def shortened(text: str) -> str:
    """Text that can be encoded, cut at ``LONGEST`` characters."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text)} characters)"
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _decoded(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else str(value)


def _hidden(name: str, value: str) -> str:
    """What may be told of a secret: the names of cookies, the scheme of an authorization; never a length."""
    folded = name.upper().replace("-", "_").removeprefix("HTTP_")
    if folded == "COOKIE":
        # A part without "=" may be a value cut off from its name.
        names = [cookie.partition("=")[0].strip() for cookie in value[:LONGEST].split(";") if "=" in cookie]
        return shortened("; ".join([f"{name}={HIDDEN}" for name in names])) or HIDDEN
    if folded == "SET_COOKIE":
        pair, mark, attributes = value.partition(";")
        return shortened(f"{pair.partition('=')[0]}={HIDDEN}{mark}{attributes}")
    if folded in ("AUTHORIZATION", "PROXY_AUTHORIZATION", "WWW_AUTHENTICATE"):
        scheme, space, _ = value.partition(" ")
        return f"{shortened(scheme)} {HIDDEN}" if space and scheme.isalnum() else HIDDEN
    return HIDDEN


def plain(value: Any, depth: int = 3) -> Any:
    """``value`` as JSON data: bytes as latin-1, anything that is no data as its type's name in angle brackets."""
    kind = type(value)
    if kind is str:
        return shortened(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else str(value)
    if kind is float:
        return value
    if kind is bytes:
        return shortened(value.decode("latin-1"))
    if depth and kind in (list, tuple):
        return [plain(item, depth - 1) for item in value[:100]]
    if depth and kind is dict:
        return {str(key): plain(item, depth - 1) for key, item in list(value.items())[:100]}
    return f"<{kind.__module__}.{kind.__qualname__}>"
