"""What an adapter is: it says what a server can do, and renders the command line that starts it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import ClassVar, Literal

from .options import Options

Interface = Literal["wsgi", "asgi", "cgi"]

#: What every server is told to import; it wraps the project's application.
APPLICATION = "django_gateway.workers.application"


class ServerError(Exception):
    """A server can't be used as asked; the message says why in one sentence or two."""


@dataclass(frozen=True)
class Certificate:
    """PEM files: the certificate with what leads to its authority, and its private key (PKCS#8)."""

    chain: Path
    key: Path


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What an adapter is asked to start."""

    interface: Interface
    options: Options
    #: File descriptors of the listening sockets, which the process inherits under the same numbers.
    sockets: tuple[int, ...]
    #: The interpreter with its own flags, as argv.
    python: tuple[str, ...]
    #: A folder of its own for configuration files, logs and sockets.
    folder: Path
    #: Seconds that requests in flight have when the server is told to end.
    grace: float = 5.0
    #: Set where the server is to speak TLS.
    certificate: Certificate | None = None
    #: Host and port.
    address: tuple[str, int] = ("127.0.0.1", 8000)
    #: What the process finds in its environment.
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Where gatewayserve was started.
    directory: Path = Path()

    @property
    def application(self) -> str:
        """``module:attribute``, as most servers spell it."""
        return f"{APPLICATION}:{self.interface}"


@dataclass(frozen=True, kw_only=True)
class Command:
    """What starts a server: nothing more is needed, and --dry-run shows all of it."""

    argv: tuple[str, ...]
    #: Added to the environment.
    env: dict[str, str] = field(default_factory=dict)
    #: Configuration files to write first, by path.
    files: dict[Path, str] = field(default_factory=dict)


class Server:
    """One server. A subclass says what it is and renders ``command``; everything else follows from that."""

    #: What --server takes.
    name: ClassVar[str]
    #: What people call it.
    title: ClassVar[str]
    #: The distribution that installs it, and the extra of django-gateway that brings it, if any.
    distribution: ClassVar[str]
    extra: ClassVar[str | None] = None
    #: Other distributions that install it.
    also: ClassVar[tuple[str, ...]] = ()
    #: The oldest version that takes the options of ``command``.
    least: ClassVar[str] = "0"
    interfaces: ClassVar[frozenset[Interface]]
    #: Common options that it honours, of those that not every server does: threads, https, unix.
    can: ClassVar[frozenset[str]] = frozenset()
    #: Whether it starts --workers processes itself; else the supervisor starts as many of it.
    forks: ClassVar[bool] = False
    #: Whether it is a program of django_gateway.workers, which can be started ahead and told to wait.
    waits: ClassVar[bool] = False
    #: Whether a change needs it to start anew; under CGI the next request has the new code in any case.
    restarts: ClassVar[bool] = True
    #: Whether it binds the address itself; else it takes the supervisor's socket.
    binds: ClassVar[bool] = False
    #: Whether its worker writes the request log itself; else the application is wrapped for that.
    logs_requests: ClassVar[bool] = True

    def command(self, launch: Launch) -> Command:
        raise NotImplementedError

    def version(self) -> str:
        """Raises ServerError where the server is not installed or too old, saying what installs it."""
        wanted = f"pip install 'django-gateway[{self.extra}]'" if self.extra else f"pip install '{self.distribution}'"
        for distribution in (self.distribution, *self.also):
            try:
                found = metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
            if _numbers(found) < _numbers(self.least):
                raise ServerError(f"{self.title} {found} is too old, {self.least} is needed: {wanted} --upgrade")
            return found
        raise ServerError(f"{self.title} is not installed. To install it: {wanted}")

    def check(self, options: Options, interface: Interface) -> None:
        """Raises ServerError where it is asked for something that it can't do."""
        if options.threads is not None and "threads" not in self.can:
            raise ServerError(f"{self.title} has no setting for threads: leave --threads out.")
        if options.tls and "https" not in self.can:
            raise ServerError(f"{self.title} can't speak HTTPS here. Put a proxy in front, or take another server.")
        if options.unix is not None and "unix" not in self.can:
            raise ServerError(f"{self.title} can't serve on a Unix socket: leave --unix out, or take another server.")


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]
