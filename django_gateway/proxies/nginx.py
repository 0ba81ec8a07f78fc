"""nginx: it takes the supervisor's listening socket as one nginx leaves its sockets to the next."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from .base import Proxy, Sight, number, plain, text


class Nginx(Proxy):
    name = "nginx"
    title = "nginx"
    programs = ("nginx",)
    package = "nginx"
    configuration = "nginx.conf"
    inherits = "NGINX"
    ends_with = signal.SIGQUIT
    reopens_with = signal.SIGUSR1

    def argv(self, folder: Path) -> tuple[str, ...]:
        return (self.program(), "-p", f"{folder}/", "-c", self.configuration, "-e", "error.log")

    def check_argv(self, folder: Path) -> tuple[str, ...]:
        return (self.program(), "-t", "-q", "-p", f"{folder}/", "-c", self.configuration, "-e", "stderr")

    def read(self, told: dict[str, Any]) -> Sight | None:
        ended, total = _nanoseconds(told["time"]), _nanoseconds(told["request_time"])
        if ended is None or total is None:
            return None
        status = number(told["status"])
        return Sight(
            **plain(told),
            started_at=ended - total,
            total=total,
            # 000 where nothing was answered at all.
            status=status or None,
            complete=told["completion"] == "OK",
            upstream=_last(told["upstream"]),
            reached=_last(told["connect_time"]) is not None if text(told["upstream"]) else None,
            # Without a head from the application it is nginx's own.
            upstream_status=number(_last(told["upstream_status"])) if _last(told["header_time"]) else None,
            connect=_nanoseconds(_last(told["connect_time"])),
            first_byte=_nanoseconds(_last(told["header_time"])),
            last_byte=_nanoseconds(_last(told["response_time"])),
        )


def _last(value: Any) -> str | None:
    """Of ``$upstream_…``, which names every server that was asked: "a, b : c"."""
    told = text(value)
    return None if told is None else text(told.replace(" : ", ", ").rsplit(", ", 1)[-1])


def _nanoseconds(value: Any) -> int | None:
    """Of seconds with three decimals."""
    told = text(value)
    if told is None:
        return None
    seconds, _, rest = told.partition(".")
    return int(seconds) * 1_000_000_000 + int(rest.ljust(9, "0")[:9] or 0)


proxy = Nginx()
