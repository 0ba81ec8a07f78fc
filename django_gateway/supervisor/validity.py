"""Somebody's own certificate: what a client will have against it, though it can be served with."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

from ..servers.base import Certificate
from .addresses import Address


def remarks(certificate: Certificate, address: Address, now: datetime | None = None) -> list[str]:
    """One sentence each."""
    from cryptography import x509

    now = now or datetime.now(UTC)
    try:
        found = x509.load_pem_x509_certificates(certificate.chain.read_bytes())[0]
    except (ValueError, OSError, IndexError):  # OpenSSL has read it, and serves with it
        return []
    said = []
    if found.not_valid_after_utc < now:
        said.append(f"{certificate.chain} has expired on {found.not_valid_after_utc:%Y-%m-%d}: clients refuse it.")
    elif found.not_valid_before_utc > now:
        said.append(f"{certificate.chain} counts from {found.not_valid_before_utc:%Y-%m-%d} on: clients refuse it yet.")
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [*said, f"{certificate.chain} names no host (subjectAltName): clients refuse it."]
    known = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    hosts = {"localhost", "127.0.0.1", "::1"} if address.wide or address.loopback else {address.host}
    if not any(_means(name, host) for name in known for host in hosts):
        shown = ", ".join(known[:3]) + (" …" if len(known) > 3 else "")
        said.append(f"{certificate.chain} is for {shown}, not for {address.host}: ask for it by that name.")
    return said


def _means(name: str, host: str) -> bool:
    """Whether a name of a certificate, perhaps with ``*`` for its first part (RFC 9525), is the host's."""
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(host)
    except ValueError:
        first, _, rest = name.lower().partition(".")
        return name.lower() == host or (first == "*" and rest == host.partition(".")[2] != "")
