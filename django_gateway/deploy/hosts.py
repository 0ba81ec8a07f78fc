"""Host names and addresses that somebody wrote, as values; what is none raises ``BadAddress`` with one sentence."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from .values import Address, Upstream

_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")


class BadAddress(Exception):
    pass


def host_name(text: str) -> str:
    """A name in ASCII, as DNS knows it; with a dot before it, a domain with all below it. An IP address too."""
    text = text.strip()
    if _is_ip(text.strip("[]")):
        return text
    name = text.removeprefix(".").rstrip(".")
    try:
        ascii_name = name.encode("idna").decode("ascii").lower() if not name.isascii() else name.lower()
    except UnicodeError as error:
        raise BadAddress(f"{text!r} is no host name: {error}.") from error
    if not ascii_name or len(ascii_name) > 253 or not all(_LABEL.match(label) for label in ascii_name.split(".")):
        raise BadAddress(f"{text!r} is no host name: it takes letters, digits and hyphens, with dots between.")
    if re.fullmatch(r"[0-9.]+", ascii_name):
        raise BadAddress(f"{text!r} is no host name, and no IP address either.")
    return f".{ascii_name}" if text.startswith(".") else ascii_name


def address(text: str) -> Address:
    """``port``, ``host:port`` or ``[IPv6]:port``."""
    host, separator, port = text.rpartition(":")
    if not separator:
        host = ""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadAddress(f"{text!r} is no address: it takes host:port or a port, and a port is 1 to 65535.")
    if ":" in bare and not (host.startswith("[") and _is_ip(bare)):
        raise BadAddress(f"{text!r} is no address: an IPv6 address stands in brackets, as in [::1]:8000.")
    if bare.startswith("."):
        raise BadAddress(f"{text!r} is no address: one host is needed, not a domain.")
    return Address(int(port), "" if not bare else bare if _is_ip(bare) else host_name(bare))


def upstream(text: str) -> Upstream:
    """``unix:/path`` or ``host:port``."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/"):
            raise BadAddress(f"{text!r} is no upstream: the path of a socket starts with a slash.")
        return Upstream(path=path)
    found = address(text)
    if not found.host:
        raise BadAddress(f"{text!r} is no upstream: it takes host:port or unix:/path.")
    return Upstream(address=found)


def network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise BadAddress(f"{text!r} is no network: it takes the form 10.0.0.0/8.") from error


def ip_address(text: str) -> str:
    if not _is_ip(text):
        raise BadAddress(f"{text!r} is no IP address.")
    return text


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
