"""The headers on every answer of the panel."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse, HttpResponseBase

POLICY: Final = (
    "default-src 'none'",
    "script-src 'self' 'nonce-{nonce}'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    # Scripts can't turn text into markup, not even by mistake (no innerHTML).
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)

_FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
    "X-Robots-Tag": "noindex, nofollow",
}

#: ``private`` and ``max-age=0`` besides ``no-store``: Django's own cache middleware heeds only those two.
NEVER_STORED: Final = "no-store, private, max-age=0"
IMMUTABLE: Final = "public, max-age=31536000, immutable"


def protect(response: HttpResponseBase, nonce: str) -> None:
    response.headers["Content-Security-Policy"] = "; ".join(POLICY).format(nonce=nonce)
    for name, value in _FIXED.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", NEVER_STORED)
    if isinstance(response, HttpResponse):
        # Without it a connection can't be used again.
        response.headers.setdefault("Content-Length", str(len(response.content)))
