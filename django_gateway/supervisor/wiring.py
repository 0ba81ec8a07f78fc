"""The relay of --wire: what it is started with, and its process."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..conf import Settings
from ..servers.base import Certificate, Command
from ..wire import http2
from ..wire.addresses import FIRST_STAND_IN
from . import sockets
from .addresses import Address, AddressError
from .child import Child
from .console import Console, ending

if TYPE_CHECKING:
    from .panel import Spawn
    from .plan import Listening, Plan

_TRIES = 3


class WireError(AddressError):
    """The wire can't be recorded as asked; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Wired:
    """Where the relay listens, in the place of the server or of the proxy, and where it finds that one."""

    listening: Listening
    upstream: tuple[str, int]
    certificate: Certificate | None
    #: Whether that is a proxy.
    proxied: bool

    @property
    def url(self) -> str:
        if self.listening.path is not None:
            return f"unix:{self.listening.path}"
        return self.listening.address.reachable.url("http" if self.certificate is None else "https")

    @property
    def remarks(self) -> list[str]:
        """What is not as it would be without the relay, where somebody may not expect it."""
        found = []
        if self.listening.path is None and not self.listening.address.loopback:
            seen = "::1" if self.listening.address.ipv6 else f"an address from {FIRST_STAND_IN} on"
            found.append(
                f"Under --wire the application takes a client of another machine for {seen}: the server's client is "
                "the relay. An exchange's Wire tab names the real address."
            )
        if self.certificate is not None and not http2.is_available():
            found.append(
                "Under --wire HTTP/2 is not offered: the relay has nothing here to read it with. "
                "To install it: pip install 'django-gateway[http2]'"
            )
        return found

    def command(self, python: tuple[str, ...], gateway: Settings) -> Command:
        host, port = self.upstream
        argv = [*python, "-m", "django_gateway.wire", "--fd", str(self.listening.descriptor)]
        argv += ["--upstream", f"{host}:{port}", "--store", gateway.store, "--kept", str(gateway.body_bytes)]
        argv += ["--exchanges", str(gateway.capacity.exchanges), "--bytes", str(gateway.capacity.bytes)]
        for pattern in gateway.hide:
            argv += ["--hide", pattern]
        if self.proxied:
            argv.append("--proxied")
        if self.certificate is not None:
            argv += ["--certfile", str(self.certificate.chain), "--keyfile", str(self.certificate.key)]
        return Command(argv=tuple(argv))


def check(gateway: Settings) -> None:
    """Raises WireError."""
    if not gateway.enabled:
        raise WireError("--wire adds to what is recorded, and recording is off: set GATEWAY['ENABLED'] or DEBUG.")
    if gateway.store == "memory:":
        raise WireError("--wire needs a store that several processes share, and this one is memory.")


def inner(public: Address, *, unix: bool, binds: bool) -> tuple[Address, socket.socket]:
    """Where the server listens: on the loopback, on the public port if that can be, since applications are told it."""
    make = sockets.reserve if binds else sockets.listen
    tries = [Address("::1", 0, ipv6=True) if public.ipv6 else Address("127.0.0.1", 0)]
    if not public.ipv6 and not public.wide and not unix:
        tries.insert(0, Address("127.0.0.2" if public.host != "127.0.0.2" else "127.0.0.3", public.port))
    for address in tries[:-1]:
        try:
            return address, make(address)
        except AddressError:
            continue
    listener = make(tries[-1])
    return sockets.bound(listener, tries[-1]), listener


class Wiring:
    """The relay's process: without it nobody is served, so it is started again, but not for ever."""

    def __init__(self, plan: Plan, wired: Wired, console: Console, spawn: Spawn) -> None:
        self._plan = plan
        self._wired = wired
        self._console = console
        self._spawn = spawn
        self._tries = 0
        self.child: Child | None = None

    def start(self) -> None:
        command = self._plan.wire_command()
        assert command is not None
        self._tries += 1
        tether = (*self._plan.python, "-m", "django_gateway.workers.tether", str(os.getpid()))
        descriptor = self._wired.listening.descriptor
        self.child = self._spawn((*tether, *command.argv), self._plan.environment, [descriptor], reads=False)

    def ended(self, child: Child) -> bool:
        """Start it again, but not for ever; whether there is a relay still."""
        if child is not self.child:
            return True
        self.child = None
        what = f"The relay of --wire {ending(child.code or 0)}"
        if self._tries < _TRIES:
            self._console.warn(f"{what}; it is started again.")
            asyncio.get_running_loop().call_later(self._tries - 1, self.start)
            return True
        self._console.fail(f"{what} again.")
        return False
