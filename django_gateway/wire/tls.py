"""TLS at both sides of the relay, with the same certificate, and which version of HTTP is spoken inside (ALPN)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final

from . import http2

H1: Final = "http/1.1"
H2: Final = "h2"


@dataclass(frozen=True)
class TLS:
    """PEM files."""

    certificate: str
    key: str | None

    def outer(self, *, h2: bool) -> ssl.SSLContext:
        """For the client, which is offered what the server speaks."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols(_protocols(h2))
        return context

    def inner(self, *, h2: bool) -> ssl.SSLContext:
        """For the server, so that it sees HTTPS; it is ours, on this machine, with the very same certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # What could not be read is not offered.
        context.set_alpn_protocols(_protocols(h2 and http2.is_available()))
        return context


def _protocols(h2: bool) -> list[str]:
    return [H2, H1] if h2 else [H1]
