"""Who sets the headers of an answer, as far as a name, a value and the list of middleware tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: Header → (class of the middleware that sets it, what for).
_MIDDLEWARE: Final[dict[str, tuple[str, str]]] = {
    "content-length": ("CommonMiddleware", "where the body is not a stream"),
    "content-language": ("LocaleMiddleware", "the language that was chosen"),
    "content-security-policy": ("ContentSecurityPolicyMiddleware", "SECURE_CSP"),
    "content-security-policy-report-only": ("ContentSecurityPolicyMiddleware", "SECURE_CSP_REPORT_ONLY"),
    "content-encoding": ("GZipMiddleware", "the body is compressed"),
    "cross-origin-opener-policy": ("SecurityMiddleware", "SECURE_CROSS_ORIGIN_OPENER_POLICY"),
    "etag": ("ConditionalGetMiddleware", "a digest of the body"),
    "referrer-policy": ("SecurityMiddleware", "SECURE_REFERRER_POLICY"),
    "strict-transport-security": ("SecurityMiddleware", "SECURE_HSTS_SECONDS"),
    "x-content-type-options": ("SecurityMiddleware", "SECURE_CONTENT_TYPE_NOSNIFF"),
    "x-frame-options": ("XFrameOptionsMiddleware", "X_FRAME_OPTIONS"),
    "expires": ("UpdateCacheMiddleware", "how long caches may keep it"),
}
_COOKIES: Final[dict[str, tuple[str, str]]] = {
    "sessionid": ("SessionMiddleware", "the session's key"),
    "csrftoken": ("CsrfViewMiddleware", "a form was shown, or get_token() called"),
    "messages": ("MessageMiddleware", "messages that were not shown yet"),
}
_VARY: Final[dict[str, str]] = {
    "cookie": "SessionMiddleware",
    "accept-language": "LocaleMiddleware",
    "accept-encoding": "GZipMiddleware",
}
_RESPONSES: Final[dict[str, str]] = {
    "content-type": "HttpResponse: the view's choice, or DEFAULT_CHARSET and text/html",
    "content-disposition": "the view; FileResponse sets it from the file's name",
    "location": "the redirect: HttpResponseRedirect, or a middleware that redirects",
    "allow": "HttpResponseNotAllowed: the methods that the view takes",
    "last-modified": "the view, its last_modified decorator or the static files view",
    "cache-control": "the view, a cache decorator or a middleware",
    "server": "the application itself; the server usually adds it later",
    "date": "the application itself; the server usually adds it later",
    "connection": "the application itself, though it is the server's business (PEP 3333)",
    "sec-websocket-protocol": "accept(): the subprotocol that was chosen",
}


def describe_answer(name: str, value: str, middleware: Sequence[str]) -> str:
    """In a few words; "" where nobody but the view can be named. ``middleware`` are dotted paths."""
    present = {path.rpartition(".")[2] for path in middleware}
    folded = name.lower()
    if folded == "set-cookie":
        found = _COOKIES.get(value.partition("=")[0].strip())
        return f"{found[0]}: {found[1]}" if found and found[0] in present else "response.set_cookie()"
    if folded == "vary":
        names = [_VARY.get(part.strip().lower(), "") for part in value.split(",")]
        known = [name for name in dict.fromkeys(names) if name in present]
        return ", ".join(known) if known else ""
    found = _MIDDLEWARE.get(folded)
    if found and found[0] in present:
        return f"{found[0]}: {found[1]}"
    return _RESPONSES.get(folded, "")
