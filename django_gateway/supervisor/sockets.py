"""Listening sockets: made once, kept for as long as the supervisor lives, and shared by one worker after another."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from .addresses import Address, AddressError
from .owners import who_listens

#: Connections that may wait while the project restarts; the kernel caps it at net.core.somaxconn.
_BACKLOG = 2048
_TRIES = 100


def listen(address: Address, *, command: str = "") -> socket.socket:
    """A listening socket. ``command`` is what the advice on a taken port says to run. Raises AddressError."""
    try:
        listener = _bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise AddressError(_explain(error, address, command)) from error
    # The workers share one open file description: whichever comes too late must not wait in accept().
    listener.setblocking(False)
    return listener


def reserve(address: Address, *, command: str = "") -> socket.socket:
    """A socket that keeps the address for a server which binds it itself. Raises AddressError."""
    # With SO_REUSEADDR two sockets may be bound to one address as long as only one of them listens.
    try:
        return _bind(address)
    except OSError as error:
        raise AddressError(_explain(error, address, command)) from error


def listen_next_free(address: Address) -> socket.socket:
    """As ``listen``, on the first free port from the address' on. Raises AddressError."""
    for port in range(address.port, min(address.port + _TRIES, 65536)):
        with suppress(AddressError):
            return listen(Address(address.host, port, address.ipv6))
    raise AddressError(f"There is no free port on {address.host} from {address.port} on.")


def bound(listener: socket.socket, address: Address) -> Address:
    """The address with the port that the system gave, where it was asked for any."""
    return Address(address.host, listener.getsockname()[1], address.ipv6)


def own_address(address: Address) -> Address | None:
    """The address by which others reach this machine, as the routing table has it; nothing is sent."""
    family, far = (socket.AF_INET6, "2001:db8::1") if address.ipv6 else (socket.AF_INET, "192.0.2.1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            return Address(probe.getsockname()[0], address.port, address.ipv6)
    except OSError:
        return None


def _bind(address: Address) -> socket.socket:
    family = socket.AF_INET6 if address.ipv6 else socket.AF_INET
    family, kind, protocol, _, where = socket.getaddrinfo(
        address.host, address.port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
    except BaseException:
        listener.close()
        raise
    return listener


def _explain(error: OSError, address: Address, command: str) -> str:
    host, port = address.host, address.port
    if isinstance(error, socket.gaierror):
        return f"The name {host!r} has no {'IPv6' if address.ipv6 else 'IPv4'} address: {error.strerror}."
    if error.errno == errno.EADDRINUSE:
        owner = who_listens(port)
        free = _free_port(address) if command else None
        advice = f"End it, or take another port: {command} {free}" if free else "End it, or take another port."
        return f"Port {port} is taken by {owner or 'another process'}.\n{advice}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine."
    if error.errno in (errno.EACCES, errno.EPERM):
        below = " Ports below 1024 are for root." if port < 1024 else ""
        return f"You are not allowed to listen on port {port}.{below}"
    if error.errno == errno.EAFNOSUPPORT:
        return f"This machine has no {'IPv6' if address.ipv6 else 'IPv4'}."
    return f"Listening on {address.url()} failed: {error.strerror or error}."


def _free_port(address: Address) -> str | None:
    try:
        with listen_next_free(Address(address.host, address.port + 1, address.ipv6)) as listener:
            port = listener.getsockname()[1]
    except (AddressError, OSError):
        return None
    if address.loopback:
        return str(port)
    return f"[{address.host}]:{port}" if ":" in address.host else f"{address.host}:{port}"
