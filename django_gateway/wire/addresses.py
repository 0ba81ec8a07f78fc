"""From where the relay connects to the server, which takes that for its client's address."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Final

#: For clients of other machines: addresses of the loopback that nobody trusts as the machine's own.
FIRST_STAND_IN: Final = ipaddress.IPv4Address("127.128.0.1")
_STAND_INS: Final = 65_536


class Addresses:
    """A client of this machine keeps its address. Any other can't, and has a stand-in that is no other client's.

    It is not 127.0.0.1: that would make everybody pass for somebody who sits at this machine. On ``::1`` there is no
    other.
    """

    def __init__(self, upstream: str) -> None:
        self._ipv6 = ":" in upstream
        self._stand_ins: dict[str, str] = {}

    def of(self, client: Any) -> str:
        """``client`` is an address as sockets have it; that of a Unix socket says nothing."""
        localhost = "::1" if self._ipv6 else "127.0.0.1"
        if not isinstance(client, tuple):
            return localhost
        try:
            address = ipaddress.ip_address(client[0])
        except ValueError:
            return localhost
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if (address.version == 6) == self._ipv6 and (address.is_loopback or _is_ours(str(address))):
            return str(address)
        return localhost if self._ipv6 else self._stand_in(str(address))

    def _stand_in(self, address: str) -> str:
        found = self._stand_ins.pop(address, None)
        if found is None:
            if len(self._stand_ins) < _STAND_INS:
                found = str(FIRST_STAND_IN + len(self._stand_ins))
            else:
                found = self._stand_ins.pop(next(iter(self._stand_ins)))
        self._stand_ins[address] = found
        return found


def _is_ours(address: str) -> bool:
    """Whether it is an address of this machine: only such a one can be bound."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
