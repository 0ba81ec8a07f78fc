"""What a proxy saw of an exchange, beside what the application's side saw: pure functions over the part "proxy".

The proxy's instants are on the wall clock, in whole milliseconds for some proxies; so what lies between the proxy's
instants and the recorder's is no more exact than that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .exchange import Exchange

#: "t=1700000000.123" in seconds, or whole milliseconds, or microseconds, as proxies write it.
_START: Final = re.compile(r"t=(\d{10})\.?(\d{1,6})?")


#: In the order of time: the request is read from the client, the application is connected to, asked, answers, and the
#: client reads what is left of the answer.
PHASES: Final = ("receiving", "connecting", "waiting", "answering", "sending")


class Phase(NamedTuple):
    """``name`` is one of PHASES; nanoseconds from the proxy's start."""

    name: str
    started: int
    finished: int


class Proxied(NamedTuple):
    name: str
    title: str
    version: str
    pid: int | None
    #: When it began, in nanoseconds from the exchange's start: below zero, or zero.
    started: int
    total: int
    phases: list[Phase]
    #: Nanoseconds from the proxy's asking until the application was called; None where it was not, or is not known.
    queue: int | None
    #: Why the proxy answered as it did, where it was not the application's answer.
    reason: str | None
    told: Mapping[str, Any]

    def span(self, name: str) -> int | None:
        """How long a phase took, in nanoseconds; None where the proxy does not tell."""
        return next((phase.finished - phase.started for phase in self.phases if phase.name == name), None)


def front(exchange: Exchange) -> str | None:
    """Name and version of the proxy that passed it on; None where none has seen it, or where it answered itself."""
    seen = None if exchange.interface == "proxy" else proxied(exchange)
    return None if seen is None else f"{seen.title} {seen.version}".strip()


def proxied(exchange: Exchange) -> Proxied | None:
    """None where no proxy has seen it."""
    told = exchange.parts.get("proxy")
    if not isinstance(told, dict) or not isinstance(told.get("started_at"), int):
        return None
    total, alone = max(told["total"], 0), exchange.interface == "proxy"
    lead = 0 if alone else max(exchange.started_at - told["started_at"], 0)
    asked = _asked(exchange, told)
    called = None if alone or asked is None else max(lead - asked, 0)
    return Proxied(
        name=told["name"],
        title=told["title"],
        version=told["version"],
        pid=told.get("pid"),
        started=-lead,
        total=total,
        phases=_phases(told, asked, total),
        queue=called,
        reason=told.get("reason"),
        told=told,
    )


def _asked(exchange: Exchange, told: Mapping[str, Any]) -> int | None:
    """When the proxy turned to the application, in nanoseconds from its own start."""
    if told.get("upstream") is None:
        return None
    if told.get("asked") is not None:
        return min(int(told["asked"]), int(told["total"]))
    header = _header(exchange)
    found = _START.fullmatch(header) if header is not None else None
    if found is not None:
        instant = int(found[1]) * 10**9 + int((found[2] or "0").ljust(9, "0"))
        return min(max(instant - int(told["started_at"]), 0), int(told["total"]))
    last = told.get("last_byte")
    # What is left is before or after: of an answer that the client got at once, before.
    return None if last is None else max(int(told["total"]) - int(last), 0)


def _header(exchange: Exchange) -> str | None:
    for key, value in exchange.handover.entries if exchange.handover is not None else ():
        if key == "HTTP_X_REQUEST_START":
            return str(value)
        if key == "headers" and isinstance(value, list):
            return next((str(text) for name, text in value if str(name).lower() == "x-request-start"), None)
    return None


def _phases(told: Mapping[str, Any], asked: int | None, total: int) -> list[Phase]:
    if asked is None:
        return [Phase("answering", 0, total)]
    connected, first, last = (told.get(name) for name in ("connect", "first_byte", "last_byte"))
    phases = [Phase("receiving", 0, asked)]
    at = asked
    for name, until in (("connecting", connected), ("waiting", first), ("answering", None if first is None else last)):
        if until is not None:
            end = min(max(asked + until, at), total)
            phases.append(Phase(name, at, end))
            at = end
    if first is None:
        # Nothing came: it waited until it gave up.
        return [*phases, Phase("waiting", at, total)]
    return [*phases, Phase("sending" if last is not None else "answering", at, total)]


def document(exchange: Exchange, ms: Callable[[int | None], float | None]) -> dict[str, Any] | None:
    """The exchange's ``proxy``, with times in milliseconds from the exchange's start."""
    seen = proxied(exchange)
    if seen is None:
        return None
    told = seen.told
    keys = ("request_id", "client", "protocol", "tls", "status", "complete", "request_bytes", "sent_bytes", "upstream")
    return {
        "name": seen.name,
        "version": seen.version,
        "pid": seen.pid,
        "at_ms": ms(seen.started),
        "total_ms": ms(seen.total),
        **{f"{name}_ms": ms(seen.span(name)) for name in PHASES},
        "queue_ms": ms(seen.queue),
        "worker": None if exchange.interface == "proxy" else exchange.server.pid,
        "reason": seen.reason,
        **{key: told.get(key) for key in keys},
    }
