"""Apache's mod_proxy. It binds the address itself, and will not serve as root."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any, Final

from ..servers import apache as server
from .base import Proxy, Sight, number, plain, text

#: Apache writes a quote and a backslash as JSON does, and any other byte as \\xhh, which JSON spells \\u00hh.
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))")


class Apache(Proxy):
    name = "apache"
    title = "Apache"
    programs = ("apache2", "httpd")
    package = "apache2"
    configuration = "httpd.conf"
    ends_with = signal.SIGWINCH
    reopens_with = signal.SIGUSR1
    longest_socket = 95  # it keeps the name of what it asks in 96 bytes

    def version(self) -> str:
        found = super().version()
        server.may_serve()
        return found

    def argv(self, folder: Path) -> tuple[str, ...]:
        return (self.program(), "-d", str(folder), "-f", self.configuration, "-DFOREGROUND")

    def check_argv(self, folder: Path) -> tuple[str, ...]:
        return (self.program(), "-t", "-d", str(folder), "-f", self.configuration)

    def wrap(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        return (*server.as_somebody(), *argv)

    def sight(self, line: bytes) -> Sight | None:
        return super().sight(_ESCAPE.sub(lambda found: rb"\u00" + found[1] if found[1] else found[0], line))

    def read(self, told: dict[str, Any]) -> Sight | None:
        total = int(told["request_time_us"]) * 1000
        first = number(told["first_byte_us"])
        asked = told["handler"] == "proxy-server" or told["upstream"] not in ("-", "")
        return Sight(
            **plain(told),
            started_at=int(told["seconds"]) * 10**9 + int(told["microseconds"]) * 1000,
            total=total,
            status=number(told["status"]),
            complete=told["completion"] != "X",
            upstream=(text(told["upstream"]) or "") if asked else None,
            # It asks as soon as it has read the head, and passes the body on as that comes.
            asked=0 if asked else None,
            first_byte=min(first * 1000, total) if asked and first else None,
        )


proxy = Apache()
