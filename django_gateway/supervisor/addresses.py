"""Addresses as people write them: ``8000``, ``0.0.0.0:8000``, ``[::1]:8000``, ``localhost:8000``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass


class AddressError(Exception):
    """An address can't be used; the message says why, and what can be done, in a sentence or two."""


_WRITTEN = re.compile(
    r"""
    (?: (?P<host> \[ [0-9A-Fa-f:.]+ (?: % [A-Za-z0-9._-]+ )? \] | [A-Za-z0-9-]+ (?: \. [A-Za-z0-9-]+ )* ) : )?
    (?P<port> [0-9]+ )
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    ipv6: bool = False

    @property
    def wide(self) -> bool:
        """Whether it stands for every address of the machine."""
        return self.host in ("0.0.0.0", "::")

    @property
    def loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def reachable(self) -> Address:
        """An address to open here, where the socket listens on every one."""
        return Address("::1" if self.ipv6 else "127.0.0.1", self.port, self.ipv6) if self.wide else self

    def url(self, scheme: str = "http") -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/"


def parse(written: str, *, ipv6: bool = False, host: str = "", port: int = 8000) -> Address:
    """The address that was written, with loopback and ``port`` for what it leaves out. Raises AddressError."""
    loopback = host or ("::1" if ipv6 else "127.0.0.1")
    if not written:
        return Address(loopback, port, ":" in loopback)
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise AddressError(f"{written!r} is no port and no address:port. Examples: 8000, 0.0.0.0:8000, [::1]:8000.")
    port = int(found["port"])
    if port > 65535:
        raise AddressError(f"{written!r}: ports go up to 65535.")
    if not found["host"]:
        return Address(loopback, port, ":" in loopback)
    host = found["host"].strip("[]")
    if host == "0":  # as runserver has it
        host = "0.0.0.0"
    if found["host"].startswith("["):
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError as error:
            raise AddressError(f"{host!r} is no IPv6 address.") from error
        return Address(host, port, ipv6=True)
    numeric = host.replace(".", "").isdigit()
    if numeric:
        try:
            ipaddress.IPv4Address(host)
        except ValueError as error:
            raise AddressError(f"{host!r} is no IPv4 address.") from error
        if ipv6:
            raise AddressError(f"{host!r} is no IPv6 address.")
    return Address(host, port, ipv6)
