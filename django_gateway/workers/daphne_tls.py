"""TLS for Daphne on a socket that was inherited: Twisted has it for sockets that it opens itself."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.protocols.tls import TLSMemoryBIOFactory


class _Context:
    """What Twisted asks for the context of each connection."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def getContext(self) -> SSL.Context:  # noqa: N802 - Twisted's name for it
        return self._context


def tls_context(chain: str, key: str) -> SSL.Context:
    """TLS 1.2 or newer, with the certificate and key of these PEM files."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(chain)
    context.use_privatekey_file(key)
    return context


def wrapped(factory: Any, context: SSL.Context) -> Any:
    """A factory whose connections speak TLS, and negotiate (ALPN) what those of ``factory`` can, the best first."""
    spoken = factory.acceptableProtocols()

    def select(_: Any, offered: list[bytes]) -> Any:
        return next((protocol for protocol in spoken if protocol in offered), SSL.NO_OVERLAPPING_PROTOCOLS)

    context.set_alpn_select_callback(select)
    creator: Any = _Context(context)
    return TLSMemoryBIOFactory(creator, False, factory)
