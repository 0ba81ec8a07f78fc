"""One exchange: its way, what was handed over, what came back. One tab at a time, each with an address of its own."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import django
from django.http import Http404, HttpResponse

from ...exchange import IN_FLIGHT, LIFESPAN, WEBSOCKET, Exchange, format_id, parse_id
from .. import rows
from ..access import PanelRequest, panel_view
from ..api import GONE
from ..neighbours import neighbours
from ..pages import address, render
from ..tabs import journey
from ..timeline import read
from ..units import duration
from .list import frame, rows_for

#: Rows of the list beside the exchange.
LISTED: Final = 40


class Tab(NamedTuple):
    key: str
    name: str


@panel_view
def exchange(request: PanelRequest, id: str) -> HttpResponse:  # noqa: A002 - the name in the address
    found = find(request, id)
    tabs = tabs_of(found)
    asked = request.GET.get("tab", "journey")
    tab = asked if any(tab.key == asked for tab in tabs) else "journey"
    elapsed = max(0, time.time_ns() - found.started_at) if found.state == IN_FLIGHT else 0
    newer, older = neighbours(request.gateway.store, found.id)
    server = found.server
    context = {
        **frame(request),
        "chain": rows.chain(server.name, server.version, [server.pid], found.interface, django.get_version()),
        "rows": rows_for(request, LISTED),
        "selected": format_id(found.id),
        "exchange": found,
        "heading": heading(found, elapsed),
        "tabs": tabs,
        "tab": tab,
        "tab_template": f"django_gateway/exchange_{tab}.html",
        "newer": newer and address(request, "exchange", format_id(newer)),
        "older": older and address(request, "exchange", format_id(older)),
        **_BUILDERS[tab](found, elapsed),
    }
    return render(request, "exchange.html", context)


def find(request: PanelRequest, text: str) -> Exchange:
    """Raises Http404 for an id that is none, or whose exchange is not there any more."""
    number = parse_id(text)
    found = None if number is None else request.gateway.store.get(number)
    if found is None:
        raise Http404("An id has sixteen hexadecimal digits." if number is None else GONE)
    return found


def tabs_of(exchange: Exchange) -> list[Tab]:
    """Those that have something to show for this exchange."""
    return [Tab("journey", "Journey")]


_BUILDERS: Final = {
    "journey": journey.build,
}


def heading(exchange: Exchange, elapsed: int) -> dict[str, Any]:
    extent = read(exchange, elapsed).extent
    started = datetime.fromtimestamp(exchange.started_at / 1e9, UTC)
    return {
        "tag": "WS" if exchange.type == WEBSOCKET else exchange.interface.upper(),
        "method": exchange.method or ("WebSocket" if exchange.type == WEBSOCKET else ""),
        "target": "lifespan"
        if exchange.type == LIFESPAN
        else exchange.path + (f"?{exchange.query}" if exchange.query else ""),
        "status": "…" if exchange.state == IN_FLIGHT and exchange.status is None else exchange.status or "—",
        "took": f"{duration(extent)} so far" if exchange.state == IN_FLIGHT else duration(extent),
        "protocol": _protocol(exchange),
        "at": started.isoformat(timespec="milliseconds"),
        "time": f"{started.astimezone():%H:%M:%S}.{started.microsecond // 1000:03d}",
        "mode": next((span.detail for span in read(exchange).of("view")), ""),
    }


def _protocol(exchange: Exchange) -> str:
    """As the handover tells it, in the small letters that ALPN uses."""
    for key, value in exchange.handover.entries if exchange.handover else ():
        if key == "SERVER_PROTOCOL":
            return str(value).lower()
        if key == "http_version":
            return f"http/{value}"
    return ""
