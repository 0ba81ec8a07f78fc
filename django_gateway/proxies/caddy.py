"""Caddy. It binds the address itself, and moves its log away itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from .base import Proxy, Sight, number, text

#: As the TLS protocol numbers its versions.
_TLS: Final = {0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
_MOST: Final = 4_096


class Caddy(Proxy):
    name = "caddy"
    title = "Caddy"
    programs = ("caddy",)
    package = "caddy"
    version_option = "version"
    configuration = "Caddyfile"
    talks = True

    def argv(self, folder: Path) -> tuple[str, ...]:
        return (self.program(), "run", "--config", str(folder / self.configuration), "--adapter", "caddyfile")

    def check_argv(self, folder: Path) -> tuple[str, ...]:
        return (self.program(), "validate", "--config", str(folder / self.configuration), "--adapter", "caddyfile")

    def environment(self, folder: Path, descriptor: int) -> dict[str, str]:
        return dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))

    def error_log(self, folder: Path) -> str:
        return str(folder / "error.log")

    def complaints(self, lines: Iterable[str]) -> list[str]:
        # Its log, which is JSON, is about what it does; the error comes after it.
        return [line for line in lines if not line.startswith("{") and line != "Valid configuration"]

    def parser(self) -> Callable[[bytes], Sight | None]:
        return Pairs().sight


class Pairs:
    """Caddy writes two lines for what it passes on: one when the answer begins, with the id, and one at its end."""

    def __init__(self) -> None:
        #: What was asked of the application and is not over, by connection and request.
        self._asked: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    def sight(self, line: bytes) -> Sight | None:
        try:
            told = msgspec.json.decode(line)
            request = told["request"]
            key = tuple(request[name] for name in ("remote_ip", "remote_port", "method", "uri"))
            if told["msg"] == "upstream roundtrip":
                self._asked.setdefault(key, []).append(told)
                while len(self._asked) > _MOST:
                    del self._asked[next(iter(self._asked))]
            elif told["msg"] == "handled request":
                rounds = self._asked.get(key, [])
                asked = rounds.pop(0) if rounds else None
                if not rounds:
                    self._asked.pop(key, None)
                return _sight(told, request, asked)
        except (msgspec.DecodeError, ValueError, KeyError, TypeError):
            pass
        return None


def _sight(told: dict[str, Any], request: dict[str, Any], asked: dict[str, Any] | None) -> Sight:
    ended, total = _nanoseconds(told["ts"]), _nanoseconds(told["duration"])
    headers: dict[str, list[str]] = {} if asked is None else asked["request"].get("headers", {})
    first = None if asked is None else _nanoseconds(asked["duration"])
    answered = asked is not None and "status" in asked
    status = number(told["status"]) or None
    if status is None and answered and asked is not None and asked["status"] == 101:
        status = 101  # a WebSocket is no answer to Caddy
    return Sight(
        request_id=next(iter(headers.get("X-Request-Id", ())), None),
        started_at=ended - total,
        total=total,
        client=text(request["remote_ip"]),
        method=text(request["method"]),
        target=request["uri"],
        protocol=text(request["proto"]),
        status=status,
        complete=status is not None,
        upstream=None if asked is None else asked["upstream"].removeprefix("unix/"),
        reached=None if asked is None else not asked.get("error", "").startswith("dial "),
        upstream_status=number(asked["status"]) if answered and asked is not None else None,
        asked=None if asked is None or first is None else max(_nanoseconds(asked["ts"]) - first - ended + total, 0),
        first_byte=first if answered else None,
        sent_bytes=number(told["size"]),
        body_bytes=number(told["size"]),
        tls=_TLS.get(request.get("tls", {}).get("version")),
        user_agent=next(iter(request.get("headers", {}).get("User-Agent", ())), None),
    )


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


proxy = Caddy()
