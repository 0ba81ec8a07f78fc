"""One exchange: its way, what was handed over, what came back. One tab at a time, each with an address of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import django
from django.http import Http404, HttpResponse

from ...exchange import HTTP, IN_FLIGHT, INTERRUPTED, LIFESPAN, WEBSOCKET, Exchange, format_id, parse_id, summarise
from ...proxied import front
from .. import rows
from ..access import PanelRequest, panel_view
from ..api import GONE
from ..neighbours import neighbours
from ..pages import address, render
from ..pins import Pins
from ..refusals import refuse
from ..tabs import (
    application,
    events,
    failure,
    handover,
    journey,
    messages,
    middleware,
    response,
    source,
    stack,
    threads,
)
from ..tabs import wire as wire_tab
from ..tabs.base import Query, Subject, Values
from ..units import duration
from .list import frame, rows_for

#: Rows of the list beside the exchange.
LISTED: Final = 40


@dataclass(frozen=True)
class Tab:
    key: str
    name: str
    build: Callable[[Subject, Query], Values]
    #: Whether there is something to show for this exchange.
    shows: Callable[[Exchange], bool]
    count: Callable[[Exchange], int | None] = lambda exchange: None


TABS: Final = (
    Tab("journey", "Journey", journey.build, lambda exchange: True),
    Tab("handover", "Handover", handover.build, lambda exchange: exchange.handover is not None),
    Tab("middleware", "Middleware", middleware.build, lambda exchange: exchange.type == HTTP),
    Tab("response", "Response", response.build, lambda exchange: exchange.type == HTTP),
    Tab("wire", "Wire", wire_tab.build, wire_tab.shows),
    Tab(
        "messages",
        "Messages",
        messages.build,
        lambda exchange: exchange.type == WEBSOCKET,
        lambda exchange: exchange.sizes.received + exchange.sizes.sent,
    ),
    Tab("application", "Application", application.build, application.shows),
    Tab("source", "Source", source.build, source.shows),
    Tab("stack", "Stack", stack.build, stack.shows),
    Tab("failure", "Failure", failure.build, lambda exchange: exchange.failure is not None),
    Tab("threads", "Threads & OS", threads.build, lambda exchange: bool(exchange.scheduler or exchange.loop)),
    Tab("events", "Events", events.build, lambda exchange: True, lambda exchange: len(exchange.trail)),
)


@panel_view
def exchange(request: PanelRequest, id: str) -> HttpResponse:  # noqa: A002 - the name in the address
    found = find(request, id)
    tabs = [tab for tab in TABS if tab.shows(found)]
    asked = request.GET.get("tab")
    tab = next((tab for tab in tabs if tab.key == asked), tabs[0])
    elapsed = max(0, time.time_ns() - found.started_at) if found.state == IN_FLIGHT else 0
    subject = Subject(found, elapsed)
    newer, older = neighbours(request.gateway.store, found.id)
    server = found.server
    way = rows.chain(server.name, server.version, [server.pid], found.interface, django.get_version(), front(found))
    context = {
        **frame(request, way),
        "rows": rows_for(request, LISTED),
        "selected": format_id(found.id),
        "pinned": found.id in Pins(request.gateway.instance.folder).ids(),
        "exchange": found,
        "heading": heading(subject),
        "tabs": [{"key": each.key, "name": each.name, "count": each.count(found)} for each in tabs],
        "tab": tab.key,
        "tab_names": {each.key: each.name for each in tabs},
        "tab_template": f"django_gateway/exchange_{tab.key}.html",
        "newer": newer and _link(request, newer, tab, tabs),
        "older": older and _link(request, older, tab, tabs),
        **tab.build(subject, request.GET),
    }
    return render(request, "exchange.html", context)


@panel_view(methods=("POST",))
def pin(request: PanelRequest, id: str) -> HttpResponse:  # noqa: A002 - the name in the address
    """Keeps the exchange beside the store, or no longer: field ``keep`` is "1" or "0"."""
    found = find(request, id)
    pins = Pins(request.gateway.instance.folder)
    if request.POST.get("keep") == "0":
        pins.remove(found.id)
        here = request.gateway.store.get(found.id) is not None
        path = address(request, "exchange", format_id(found.id)) if here else address(request, "list")
        return HttpResponse(status=303, headers={"Location": path})
    if found.state == IN_FLIGHT:
        return refuse(request, 409, "Not over yet", "What is still in flight can be pinned once it has ended.")
    pins.add(found)
    return HttpResponse(status=303, headers={"Location": address(request, "exchange", format_id(found.id))})


def _link(request: PanelRequest, number: int, tab: Tab, tabs: list[Tab]) -> str:
    """To a neighbour, with the same tab open."""
    path = address(request, "exchange", format_id(number))
    return path if tab is tabs[0] else f"{path}?tab={tab.key}"


def find(request: PanelRequest, text: str) -> Exchange:
    """Raises Http404 for an id that is none, or whose exchange is not there any more."""
    number = parse_id(text)
    found = None
    if number is not None:
        found = request.gateway.store.get(number) or Pins(request.gateway.instance.folder).get(number)
    if found is None:
        raise Http404("An id has sixteen hexadecimal digits." if number is None else GONE)
    return found


def heading(subject: Subject) -> Values:
    """What the list says of an exchange, in full."""
    exchange = subject.exchange
    # A trail may be long: what is over says itself how long it took, and only a view has a mode.
    extent = exchange.duration or subject.trail.extent
    view = subject.trail.of("view") if exchange.type == HTTP else []
    target = exchange.path + (f"?{exchange.query}" if exchange.query else "")
    return {
        **rows.row(summarise(exchange)),
        "method": exchange.method or ("WebSocket" if exchange.type == WEBSOCKET else ""),
        "target": "lifespan" if exchange.type == LIFESPAN else target,
        "took": _took(exchange, extent),
        "protocol": _protocol(exchange),
        "mode": view[0].detail if view else "",
        "code": "consumer" if exchange.type == WEBSOCKET else "view",
    }


def _took(exchange: Exchange, extent: int) -> str:
    if exchange.state == IN_FLIGHT:
        return f"{duration(extent)} so far"
    if exchange.state == INTERRUPTED:
        return f"{duration(extent)} or more"
    return rows.took(summarise(exchange)) or duration(extent)


def _protocol(exchange: Exchange) -> str:
    """As the handover tells it, in the small letters that ALPN uses."""
    for key, value in exchange.handover.entries if exchange.handover else ():
        if key == "SERVER_PROTOCOL":
            return str(value).lower()
        if key == "http_version":
            return f"http/{value}"
    return ""
