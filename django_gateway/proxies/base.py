"""What an adapter for a proxy is, and what one line of a proxy's log says."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from ..servers import program


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One request as a proxy saw it, from its first byte to the last one of the answer.

    Spans are nanoseconds, None where the proxy does not say. ``started_at`` counts from the epoch, like the
    exchange's: the two clocks are one where both run on one machine.
    """

    request_id: str | None
    started_at: int
    total: int
    client: str | None
    method: str | None
    target: str
    protocol: str | None
    status: int | None
    #: Whether the client got all of the answer; None where the proxy does not say.
    complete: bool | None
    #: Where the application was asked, "" where the proxy does not say where; None where it was not.
    upstream: str | None
    #: Whether there was a connection to it; None where the proxy does not say.
    reached: bool | None = None
    #: What the application answered, and None where it answered nothing.
    upstream_status: int | None = None
    #: When the proxy turned to the application, from the start; None where another says.
    asked: int | None = None
    #: From then on.
    connect: int | None = None
    first_byte: int | None = None
    last_byte: int | None = None
    request_bytes: int | None = None
    sent_bytes: int | None = None
    body_bytes: int | None = None
    tls: str | None = None
    pid: int | None = None
    user_agent: str | None = None

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


class Proxy:
    """One program. A subclass says how it is started, checked and read."""

    #: What --behind takes.
    name: ClassVar[str]
    title: ClassVar[str]
    #: Its program, by the names it may have, and Debian's package of it.
    programs: ClassVar[tuple[str, ...]]
    package: ClassVar[str]
    #: What asks it for its version.
    version_option: ClassVar[str] = "-v"
    #: The file that it is started with.
    configuration: ClassVar[str]
    #: Whether it binds the address itself; else it takes the supervisor's socket, by its number in this variable.
    inherits: ClassVar[str | None] = None
    #: What lets it finish the requests that it has begun, and what lets it open its log anew.
    ends_with: ClassVar[signal.Signals] = signal.SIGTERM
    reopens_with: ClassVar[signal.Signals | None] = None
    #: Bytes of a Unix socket's path that it takes: sun_path of unix(7) without its final zero.
    longest_socket: ClassVar[int] = 107
    #: Whether it says more on its standard error than somebody at the terminal wants to know.
    talks: ClassVar[bool] = False

    def version(self) -> str:
        """Raises ServerError where it is not installed, naming Debian's package."""
        return program.version(self.program(), self.version_option)

    def program(self) -> str:
        """Raises ServerError."""
        return program.require(self.title, self.package, *self.programs)

    def argv(self, folder: Path) -> tuple[str, ...]:
        """What runs it in the foreground, with ``folder`` as its own."""
        raise NotImplementedError

    def check_argv(self, folder: Path) -> tuple[str, ...]:
        """What makes it look at its files, and say what is wrong with them."""
        raise NotImplementedError

    def environment(self, folder: Path, descriptor: int) -> dict[str, str]:
        """What it finds in its environment besides."""
        return {self.inherits: f"{descriptor};"} if self.inherits else {}

    def error_log(self, folder: Path) -> str:
        """Where it says what went wrong, as its file names it."""
        return "error.log"

    def wrap(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """As somebody whom it serves for; ``argv`` starts it."""
        return argv

    def complaints(self, lines: Iterable[str]) -> list[str]:
        """Of what it says when it looks at its files: the lines that say what is wrong."""
        return list(lines)

    def parser(self) -> Callable[[bytes], Sight | None]:
        """What is given every line of the log in turn, and says what it has learned of a request that is over."""
        return self.sight

    def sight(self, line: bytes) -> Sight | None:
        """What a line of its log says; None for a line that is none of ours."""
        try:
            told = msgspec.json.decode(line)
            return self.read(told) if isinstance(told, dict) else None
        except (msgspec.DecodeError, ValueError, KeyError, TypeError):
            return None

    def read(self, told: dict[str, Any]) -> Sight | None:
        raise NotImplementedError


def plain(told: dict[str, Any]) -> dict[str, Any]:
    """The fields of a Sight that nginx and Apache write alike, under the names that our log formats give them."""
    return {
        "request_id": text(told["request_id"]),
        "client": text(told["client"]),
        "method": text(told["method"]),
        "target": told["path"],
        "protocol": text(told["protocol"]),
        "request_bytes": number(told["request_bytes"]),
        "sent_bytes": number(told["sent_bytes"]),
        "body_bytes": number(told["body_bytes"]),
        "tls": text(told["tls"]),
        "pid": number(told["pid"]),
        "user_agent": text(told["user_agent"]),
    }


def text(value: Any) -> str | None:
    """Logs write "-" or nothing for what there was not."""
    return str(value) if value not in (None, "", "-") else None


def number(value: Any) -> int | None:
    told = text(value)
    return int(told) if told is not None and told.lstrip("-").isdecimal() else None
