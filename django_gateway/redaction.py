"""What is hidden, and how: names decide, before a value is copied anywhere.

The host's own data is never changed: everything here makes new copies. What was seen before comes out as the number of
a word (see ``vocabulary``), because most headers are the same in every request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from . import concealment, native
from .concealment import HIDDEN
from .legible import decoded, plain, shortened

#: Django's SafeExceptionReporterFilter.hidden_settings, and what HTTP and its neighbours add to it.
NAMES: Final = (
    r"API|AUTH|TOKEN|KEY|SECRET|PASS|PWD|SIGNATURE|COOKIE|SESSION|CREDENTIAL|JWT|BEARER|CSRF|OTP\b|PRIVATE|DSN"
)
#: Names that match the pattern above and tell nothing that is worth hiding. DJANGO_SETTINGS_MODULE's neighbours in an
#: environment are not among them: an unknown name that matches stays hidden.
HARMLESS: Final = frozenset({"HTTP_SEC_WEBSOCKET_KEY1", "HTTP_SEC_WEBSOCKET_KEY2"})

_FIELD_NAME: Final = re.compile(r"([^?&#;=]*)=")

#: What ASGI names in a scope.
_SCOPE: Final = frozenset(
    "type asgi http_version method scheme path raw_path query_string root_path headers client server subprotocols "  # noqa: SIM905
    "state extensions".split()
)

#: Names and values remembered; past that a table starts anew.
_KEPT: Final = 4_096
#: Longer texts are not worth keeping.
_KEPT_LENGTH: Final = 512

#: Values that say the same whenever they are equal; what else is hashable may be an object with a state.
_KEPT_TYPES: Final = frozenset({bool, int, float, type(None)})
_TEXTS: Final = frozenset({str, bytes})
_CONTAINERS: Final = frozenset({tuple, list, dict, bytes, bytearray})

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
        extra = tuple(extra)
        self._pattern = re.compile("|".join((NAMES, *extra)), re.IGNORECASE)
        # What a text must have in it somewhere, if it has a secret name in it: nothing can be said of the project's
        # own patterns, which may ask for the beginning of a name.
        self._trace = re.compile("" if extra else NAMES, re.IGNORECASE)
        self._secret: dict[str, bool] = {}
        self._environ: dict[Hashable, int] = {}
        self._objects: dict[Hashable, int] = {}
        self._headers: dict[Hashable, int] = {}
        self._scope: dict[Hashable, int] = {}
        #: Of headers' names as bytes: the name as text, and what hides the value of a secret one.
        self._names: dict[bytes, tuple[str, Callable[[str], str] | None]] = {}
        self._once: set[Hashable] = set()
        #: Query strings without a secret name in them.
        self._innocent: set[str] = set()
        #: What looks things up in all of these: see ``native/tables.c``.
        self._tables: Any = None if native.core is None else native.core.Tables(self)

    def is_secret(self, name: str) -> bool:
        try:
            return self._secret[name]
        except KeyError:
            # Patterns are written for the names of headers: an environ has them in its own spelling.
            header = name[5:].replace("_", "-") if name.startswith("HTTP_") else name
            found = self._pattern.search(name) or self._pattern.search(header)
            secret = name not in HARMLESS and found is not None
            if len(name) <= _KEPT_LENGTH:
                if len(self._secret) > _KEPT:
                    self._secret.clear()
                self._secret[name] = secret
            return secret

    def environ(self, environ: Mapping[str, Any]) -> list[Any]:
        """The entries of a WSGI environ, in its order."""
        pairs = list(environ.items())
        try:
            entries: list[Any] = list(map(self._environ.get, pairs))
        except Exception:  # an unhashable value, or one whose __hash__ or __eq__ fails
            return [self._environ_entry(*pair) for pair in pairs]
        position = -1
        for _ in range(entries.count(None)):
            position = entries.index(None, position + 1)
            entries[position] = self._environ_entry(*pairs[position])
        return entries

    def environ_entry(self, key: str, value: Any) -> Entry:
        """One of them."""
        try:
            number = self._environ.get((key, value))
        except Exception:
            number = None
        return self._environ_entry(key, value) if number is None else number

    def told(self, key: str, value: Any) -> Any:
        """What is recorded of an environ's value; ``value`` itself where nothing of it is hidden or cut."""
        if type(value) is not str:
            return self._plain(key, value)
        return concealment.hidden(key, value) if self.is_secret(key) else self._text(key, value)

    def _environ_entry(self, key: str, value: Any) -> Entry:
        kind = type(value)
        if kind is not str:
            number = self._objects.get((key, kind))
            if number is not None:
                return number
            name = shortened(decoded(key))
            if isinstance(value, str):
                value = decoded(value)
            elif kind in _KEPT_TYPES or (kind is tuple and all(type(item) in _KEPT_TYPES for item in value)):
                return self._keep(self._environ, (key, value), (name, self._plain(name, value)))
            elif kind in _CONTAINERS:
                return (name, self._plain(name, value))
            else:
                return self._keep(self._objects, (key, kind), (name, self._plain(name, value)))
        else:
            name = shortened(key) if type(key) is str else shortened(decoded(key))
        if self.is_secret(name):
            return (name, concealment.hidden(name, value))
        text = self._text(name, value)
        if text is value and name is key and len(value) <= _KEPT_LENGTH:
            return self._keep(self._environ, (key, value), (key, text))
        return (name, text)

    def _plain(self, name: str, value: Any) -> Any:
        """What is no text; a secret name hides it, unless it is an object of which the type alone is told."""
        if self.is_secret(name) and isinstance(value, (bytes, bytearray, int, float, list, tuple, dict)):
            return value if isinstance(value, bool) else HIDDEN
        return plain(value, self.is_secret, HIDDEN)

    def _keep(self, table: dict[Hashable, int], key: Hashable, entry: tuple[str, Any]) -> Entry:
        """A value that came once may never come again: only the second time it becomes a word."""
        if len(entry[0]) > _KEPT_LENGTH:
            return entry
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
            if self._tables is not None:
                self._tables.forget()
        table[key] = number
        return number

    def scope(self, scope: Mapping[str, Any]) -> list[Any]:
        """The entries of an ASGI scope; ``headers`` is one of them, a list of entries itself."""
        if self._tables is not None and (told := self._tables.scope(scope)) is not None:
            return told  # type: ignore[no-any-return]
        entries: list[Any] = []
        known = self._scope
        for key, value in scope.items():
            kind = type(value)
            try:
                if kind is str or kind is tuple:
                    number = known.get((key, value))
                elif kind is dict and key == "asgi":
                    number = known.get((key, *value.items()))
                else:
                    number = None
            except Exception:  # an unhashable value, or one whose __hash__ or __eq__ fails
                number = None
            entries.append(self._scope_entry(key, value) if number is None else number)
        return entries

    def _scope_entry(self, key: str, value: Any) -> Entry:
        known = key in _SCOPE
        kind = type(value)
        name = key if known else shortened(decoded(key))
        if kind is str:
            told = HIDDEN if self.is_secret(name) else self._text(name, value)
            keep = told is value and name is key and key != "path" and len(value) <= _KEPT_LENGTH
            return self._keep(self._scope, (key, value), (name, told)) if keep else (name, told)
        if key == "headers" and hasattr(value, "__iter__"):
            return (name, self.headers(value))
        if key == "query_string":
            return (name, self.query(value.decode("latin-1") if kind is bytes else decoded(value)))
        if not known:
            return (name, self._plain(name, value))
        if kind is bytes:
            return (name, self._text(name, value.decode("latin-1")))
        entry = (name, plain(value, self.is_secret, HIDDEN))
        if key == "asgi" and kind is dict and _are_texts(value.values()):
            return self._keep(self._scope, (key, *value.items()), entry)
        if key == "server" and kind is tuple and len(value) == 2:
            host, port = value
            if type(host) is str and len(host) <= _KEPT_LENGTH and type(port) in (int, type(None)):
                return self._keep(self._scope, (key, value), entry)
        return entry

    def headers(self, headers: Iterable[Any]) -> list[Any]:
        """Entries of headers, whose names and values may be str (WSGI) or bytes (ASGI)."""
        if type(headers) is not list and hasattr(headers, "__next__"):
            # ASGI lets an application send any iterable: what can be read once is for the server to read.
            return [("", f"<{type(headers).__qualname__}>")]
        headers = headers if type(headers) is list else list(headers)
        if self._tables is not None:
            return self._tables.headers(headers)  # type: ignore[no-any-return]
        try:
            entries: list[Any] = list(map(self._headers.get, headers))
        except Exception:  # pairs that are lists, as some servers and applications make them
            return [self._header(pair) for pair in headers]
        position = -1
        for _ in range(entries.count(None)):
            position = entries.index(None, position + 1)
            entries[position] = self._header(headers[position])
        return entries

    def _header(self, pair: Any) -> Entry:
        try:
            given, value = pair
        except (TypeError, ValueError):
            return ("", f"<{type(pair).__qualname__}>")
        name, hide = self._names.get(given) or self._named(given) if type(given) is bytes else self._named(given)
        text = value.decode("latin-1") if type(value) is bytes else decoded(value)
        if hide is not None:
            return (name, hide(text))
        told = self._text(name, text)
        exact = type(pair) is tuple and type(given) in _TEXTS and type(value) in _TEXTS
        if exact and told is text and len(text) <= _KEPT_LENGTH:
            return self._keep(self._headers, pair, (name, told))
        return (name, told)

    def _named(self, given: Any) -> tuple[str, Callable[[str], str] | None]:
        name = shortened(decoded(given))
        named = name, concealment.hides(name) if self.is_secret(name) else None
        if type(given) is bytes and len(given) <= _KEPT_LENGTH:
            if len(self._names) > _KEPT:
                self._names.clear()
            self._names[given] = named
        return named

    def _text(self, name: str, value: str) -> str:
        if name == "QUERY_STRING":
            return self.query(value)
        if "?" in value or "#" in value or "@" in value:
            return self.url(value)
        return shortened(value)

    def url(self, url: str) -> str:
        """A URL, or any text with one in it: secret fields of its query and its fragment hidden, and its userinfo."""
        if "@" in url:
            url = concealment.userinfo(url)
        head, hash_mark, fragment = url.partition("#")
        head, mark, query = head.partition("?")
        told = "".join((head, mark, self._fields(query), hash_mark, self._fields(fragment)))
        return shortened(url if told == url else told)

    def query(self, query: str) -> str:
        """The query string with the values of secret names hidden, else byte for byte as it came."""
        if not query or query in self._innocent:
            return query
        told = shortened(self._fields(query))
        if told is query and len(query) <= _KEPT_LENGTH:
            if len(self._innocent) > _KEPT:
                self._innocent.clear()
            self._innocent.add(query)
        return told

    def _fields(self, query: str) -> str:
        """Fields of a query or a form; a value that has secret fields of its own, as a ``next`` has, is one too."""
        if not query:
            return query
        read = unquote_plus(query)
        if self._trace.search(read) is None and "@" not in read:
            return query
        fields = []
        for field in query.split("&"):
            name, mark, value = field.partition("=")
            hide = mark and (self.is_secret(unquote_plus(name)) or self._carries(value))
            fields.append(f"{name}={HIDDEN}" if hide else field)
        return "&".join(fields)

    def _carries(self, value: str) -> bool:
        read = unquote_plus(unquote_plus(value))
        if "@" in read and concealment.userinfo(read) != read:
            return True
        return "=" in read and any(self.is_secret(name) for name in _FIELD_NAME.findall(read))

    def excerpt(self, text: str, limit: int) -> str | None:
        """The first ``limit`` characters, with the values of secret names in JSON and forms hidden; None for 0."""
        if not limit:
            return None
        text = text[:limit]
        if "=" in text:
            text = self._fields(text)
        return shortened(concealment.json_members(text, self.is_secret))


def _are_texts(values: Iterable[Any]) -> bool:
    return all(type(value) is str and len(value) <= _KEPT_LENGTH for value in values)
