"""What Django makes of a handover: ``request.META``, and what ``get_host()`` and its like say.

Worked out from what was recorded and from the project's settings, by the rules of Django's own HttpRequest. What
middleware changed later is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from django.http.request import split_domain_port, validate_host
from django.utils.encoding import escape_uri_path, iri_to_uri

from ...exchange import Exchange, Handover
from .base import Values

FACT: Final = "django.request"
#: What Django allows where DEBUG is on and ALLOWED_HOSTS empty.
_LOCAL: Final = [".localhost", "127.0.0.1", "[::1]"]
_REFUSED: Final = "DisallowedHost"
_NO_SERVER: Final = "no server was handed over"
_USUAL_PORTS: Final = {"https": "443", "http": "80"}


@dataclass(frozen=True, slots=True)
class Key:
    """One of request.META, and from which key of the scope it was made; "" where it was not."""

    name: str
    value: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What an attribute or a method of the request gives. ``refused`` where it raises."""

    call: str
    value: str
    why: str
    refused: bool = False


def values(exchange: Exchange) -> Values:
    handover, settings = exchange.handover, exchange.fact(FACT)
    if handover is None or not isinstance(settings, dict):
        return {"said": [], "meta": [], "hints": []}
    meta = meta_of(handover, settings)
    made = _Request({key.name: key.value for key in meta}, settings, handover, exchange.query)
    return {
        "said": made.said(),
        "meta": meta if handover.kind == "scope" else [],
        "hints": made.hints(),
    }


def meta_of(handover: Handover, settings: dict[str, Any]) -> list[Key]:
    """As WSGIRequest and ASGIRequest build it; what the interface itself needs (``wsgi.*``) is left out."""
    given = {str(key): value for key, value in handover.entries}
    found = _from_scope(given) if handover.kind == "scope" else _from_environ(given)
    forced = settings.get("FORCE_SCRIPT_NAME")
    if isinstance(forced, str):
        found["SCRIPT_NAME"] = Key("SCRIPT_NAME", forced, "FORCE_SCRIPT_NAME")
        if handover.kind == "scope":
            path = found["PATH_INFO"]
            found["PATH_INFO"] = Key(path.name, _text(given.get("path")).removeprefix(forced), path.source)
    return list(found.values())


def _from_environ(given: dict[str, Any]) -> dict[str, Key]:
    found = {name: Key(name, value) for name, value in given.items() if isinstance(value, str)}
    for name, otherwise in (("SCRIPT_NAME", ""), ("PATH_INFO", "/")):
        # PEP 3333 hands bytes over as latin-1 characters; Django reads them as UTF-8.
        text = found[name].value if name in found else ""
        found[name] = Key(name, _as_utf8(text) or otherwise)
    return found


def _from_scope(given: dict[str, Any]) -> dict[str, Key]:
    root, path = _text(given.get("root_path")), _text(given.get("path"))
    keys = [
        Key("REQUEST_METHOD", _text(given.get("method")).upper(), "method"),
        Key("QUERY_STRING", _text(given.get("query_string")), "query_string"),
        Key("SCRIPT_NAME", root, "root_path"),
        Key("PATH_INFO", path.removeprefix(root), "path, without root_path" if root else "path"),
    ]
    if client := _address(given.get("client")):
        keys += [Key(name, client[0], "client[0]") for name in ("REMOTE_ADDR", "REMOTE_HOST")]
        keys.append(Key("REMOTE_PORT", client[1], "client[1]"))
    server = _address(given.get("server"))
    keys.append(
        Key("SERVER_NAME", server[0] if server else "unknown", "server[0]" if server else "no server: Django's")
    )
    keys.append(Key("SERVER_PORT", server[1] if server else "0", "server[1]" if server else "no server: Django's"))
    found = {key.name: key for key in keys}
    joined: dict[str, list[str]] = {}
    for pair in given.get("headers") or ():
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and "_" not in str(pair[0]):
            joined.setdefault(str(pair[0]), []).append(str(pair[1]))
    for header, told in joined.items():
        name = header.upper().replace("-", "_")
        name = name if header in ("content-length", "content-type") else f"HTTP_{name}"
        found[name] = Key(name, ("; " if header == "cookie" else ",").join(told), f"headers: {header}")
    return found


class _Request:
    """By their names, the keys of META; ``query`` is what was kept of the query string."""

    def __init__(self, meta: dict[str, str], settings: dict[str, Any], handover: Handover, query: str) -> None:
        self._meta, self._settings, self._query = meta, settings, query
        given = {str(key): value for key, value in handover.entries}
        scope = handover.kind == "scope"
        self._scheme, self._scheme_why = self._secure(_text(given.get("scheme" if scope else "wsgi.url_scheme")))
        self._path = _text(given.get("path")) if scope else self._joined()
        self._path_why = "the scope's path" if scope else "SCRIPT_NAME and PATH_INFO"

    def said(self) -> list[Said]:
        host, host_why = self._host()
        allowed = self._allows(host)
        refusal = "" if allowed else "ALLOWED_HOSTS does not name it: Django answers 400"
        uri = self._uri(host) if allowed else _REFUSED
        port, port_why = self._port()
        return [
            Said("request.scheme", self._scheme, self._scheme_why),
            Said("request.is_secure()", str(self._scheme == "https"), "whether the scheme is https"),
            Said("request.get_host()", host if allowed else _REFUSED, refusal or host_why, not allowed),
            Said("request.get_port()", port, port_why),
            Said("request.path", self._path, self._path_why),
            Said("request.build_absolute_uri()", uri, refusal or "scheme, host, path and query", not allowed),
            Said('request.META["REMOTE_ADDR"]', self._meta.get("REMOTE_ADDR", "KeyError"), self._client()),
        ]

    def hints(self) -> list[str]:
        """What a proxy says and Django does not heed, in a sentence with the line that would change it."""
        found = []
        proto = self._meta.get("HTTP_X_FORWARDED_PROTO", "").partition(",")[0].strip()
        if proto == "https" and self._scheme != "https":
            found.append(
                "X-Forwarded-Proto says https, and Django takes the request for plain HTTP. Where only your proxy can"
                ' set it: SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https").'
            )
        forwarded = self._meta.get("HTTP_X_FORWARDED_HOST", "").strip()
        if forwarded and forwarded != self._host()[0] and not self._settings.get("USE_X_FORWARDED_HOST"):
            found.append(
                f"X-Forwarded-Host says {forwarded}, and Django goes by Host. Let the proxy pass Host on, or set"
                " USE_X_FORWARDED_HOST = True where only your proxy can set that header."
            )
        if forwarded_for := self._meta.get("HTTP_X_FORWARDED_FOR", ""):
            first = forwarded_for.partition(",")[0].strip()
            if first and first != self._meta.get("REMOTE_ADDR"):
                found.append(
                    f"X-Forwarded-For begins with {first}, which Django never reads: REMOTE_ADDR is who connected"
                    " to the server, unless the server believes its proxy."
                )
        return found

    def _secure(self, handed: str) -> tuple[str, str]:
        scheme = handed or "http"
        header = self._settings.get("SECURE_PROXY_SSL_HEADER")
        if not isinstance(header, (list, tuple)) or len(header) != 2:
            return scheme, "as it was handed over; SECURE_PROXY_SSL_HEADER is not set"
        name, secure = str(header[0]), str(header[1])
        told = self._meta.get(name)
        if told is None:
            return scheme, f"as it was handed over: there is no {name}, which SECURE_PROXY_SSL_HEADER names"
        made = "https" if told.partition(",")[0].strip() == secure else "http"
        return made, f"{name}, by SECURE_PROXY_SSL_HEADER"

    def _host(self) -> tuple[str, str]:
        if self._settings.get("USE_X_FORWARDED_HOST") and "HTTP_X_FORWARDED_HOST" in self._meta:
            return self._meta["HTTP_X_FORWARDED_HOST"], "X-Forwarded-Host, by USE_X_FORWARDED_HOST"
        if "HTTP_HOST" in self._meta:
            return self._meta["HTTP_HOST"], "the Host header"
        name, port = self._meta.get("SERVER_NAME", ""), self._port()[0]
        why = "SERVER_NAME: there is no Host header"
        return (name if port == _USUAL_PORTS.get(self._scheme) else f"{name}:{port}"), why

    def _port(self) -> tuple[str, str]:
        if self._settings.get("USE_X_FORWARDED_PORT") and "HTTP_X_FORWARDED_PORT" in self._meta:
            return self._meta["HTTP_X_FORWARDED_PORT"], "X-Forwarded-Port, by USE_X_FORWARDED_PORT"
        return self._meta.get("SERVER_PORT", ""), "SERVER_PORT: where the server listens"

    def _allows(self, host: str) -> bool:
        listed = self._settings.get("ALLOWED_HOSTS")
        allowed = [str(each) for each in listed] if isinstance(listed, (list, tuple)) else []
        if self._settings.get("DEBUG") and not allowed:
            allowed = _LOCAL
        domain, _ = split_domain_port(host)
        return bool(domain) and validate_host(domain, allowed)

    def _joined(self) -> str:
        script, path = self._meta.get("SCRIPT_NAME", ""), self._meta.get("PATH_INFO", "")
        return f"{script.rstrip('/')}/{path.replace('/', '', 1)}"

    def _uri(self, host: str) -> str:
        full = escape_uri_path(self._path) + (f"?{iri_to_uri(self._query)}" if self._query else "")
        base = f"{self._scheme}://{host}"
        path = urlsplit(f"//{full}").path
        uri = urljoin(base + self._path, f"//{full}") if "/./" in path or "/../" in path else base + full
        return str(iri_to_uri(uri))

    def _client(self) -> str:
        if "REMOTE_ADDR" not in self._meta:
            return "nobody's address was handed over: the peer is a Unix socket"
        return "who connected to the server, or whom the server believes to have"


def _address(value: Any) -> tuple[str, str] | None:
    return (str(value[0]), str(value[1])) if isinstance(value, (list, tuple)) and len(value) == 2 else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _as_utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
