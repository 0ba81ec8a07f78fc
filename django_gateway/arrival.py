"""What arrived at the client, as the relay of ``gatewayserve --wire`` saw it, beside what the application sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from . import provenance
from .exchange import Exchange

#: Who stands between the application and the wire.
SERVER: Final = "server"
PROXY: Final = "proxy"


#: Headers about one connection: the client's is with whoever stands nearest to it.
_OF_CONNECTION: Final = ("connection", "keep-alive", "transfer-encoding", "upgrade")
#: What servers add, besides.
_OF_SERVERS: Final = ("content-length", "date", "server")


class Added(NamedTuple):
    name: str
    value: str
    #: Who it must have been; None where it may have been either.
    by: str | None


class Arrival(NamedTuple):
    #: Headers on the wire that the application did not send.
    added: list[Added]
    #: Places, among the exchange's headers, of those that are not on the wire.
    missing: list[int]
    #: Who has taken those away; None where it may have been the server or the proxy.
    by: str | None


def wire(exchange: Exchange) -> dict[str, Any] | None:
    """The part that the relay attached, where there is one."""
    part = exchange.parts.get("wire")
    return part if isinstance(part, dict) else None


def arrival(exchange: Exchange) -> Arrival | None:
    """None where it is not known what arrived."""
    seen = wire(exchange)
    if seen is None or seen["response"] is None or exchange.headers is None:
        return None
    sent = [(str(name).lower(), str(value).strip()) for name, value in exchange.headers]
    missing = list(range(len(sent)))
    added = []
    for name, value in seen["response"]["headers"]:
        place = next((place for place in missing if sent[place] == (name.lower(), value)), None)
        if place is None:
            added.append(Added(name, value, _by(name.lower(), value.lower(), exchange)))
        else:
            missing.remove(place)
    return Arrival(added, missing, None if "proxy" in exchange.parts else SERVER)


def _by(name: str, value: str, exchange: Exchange) -> str | None:
    """Who has added it, by what is known of servers and proxies. Both in small letters."""
    proxy = exchange.parts.get("proxy")
    if not isinstance(proxy, dict):
        return SERVER
    if name == "server":
        return PROXY if str(proxy["name"]) in value else SERVER
    if name == "date" and proxy["name"] == "nginx":
        return PROXY  # in place of the server's, always
    return PROXY if name in _OF_CONNECTION or name not in _OF_SERVERS else None


def headers(exchange: Exchange) -> list[dict[str, Any]]:
    """As JSON, what came to the application's headers on the way to the client."""
    arrived = arrival(exchange)
    if arrived is None:
        return []
    return [{"name": name, "value": value, "origin": by, "changed_by": []} for name, value, by in arrived.added]


def removed(exchange: Exchange) -> list[dict[str, Any]]:
    """As JSON, the application's headers that did not arrive."""
    arrived, sent = arrival(exchange), exchange.headers
    if arrived is None or sent is None:
        return []
    by = provenance.origins(exchange)
    return [{"name": sent[at][0], "origin": by[at].by, "removed_by": arrived.by} for at in arrived.missing]


def document(exchange: Exchange, ms: Callable[[int | None], float | None]) -> dict[str, Any] | None:
    """The wire as JSON; bytes that are no text as hexadecimal digits."""
    seen = wire(exchange)
    if seen is None:
        return None
    return {
        "client": seen["client"],
        "known_to_server_as": seen["known_as"],
        "tls": seen["tls"],
        "request_on_connection": seen["number"],
        "asked_ms": ms(seen["asked"]),
        "answered_ms": ms(seen["answered"]),
        "ended_ms": ms(seen["ended"]),
        "request": _message(seen["request"]),
        "interim": seen["interim"],
        "response": _message(seen["response"]),
        "upgraded": seen["upgraded"] and dict(zip(("received", "sent"), seen["upgraded"], strict=True)),
    }


def _message(message: dict[str, Any] | None) -> dict[str, Any] | None:
    if message is None:
        return None
    excerpt = message["excerpt"]
    return {
        "head": message["head"],
        "framing": message["framing"],
        "bytes": message["size"],
        "body_bytes": message["body"],
        "chunks": message["chunks"],
        "complete": message["complete"],
        "excerpt": excerpt.hex() if isinstance(excerpt, bytes) else excerpt,
    }
