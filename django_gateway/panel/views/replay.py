"""A recorded request once more: what of it can be sent, and through what. GET asks, POST sends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpResponse

from ...exchange import IN_FLIGHT, Exchange, Summary, format_id
from ...served import Served
from ...stores.base import Store
from .. import rows
from ..access import PanelRequest, panel_view
from ..pages import address, render
from ..refusals import refuse
from ..replay import Answer, Plan, ReplayError, Target, plan, send
from ..replay.sending import INTERFACES, started
from ..tabs.base import Subject
from ..tabs.handover import arrived
from .carry import path_of
from .exchange import find, heading
from .list import chain_of

#: Seconds that the recorded exchange may take to arrive in the store.
PATIENCE: Final = 4.0
_NOWHERE: Final = (
    "Only the panel that gatewayserve starts can replay a request: it knows the address that is served. A panel that is"
    " mounted in a project would ask the very worker that answers it."
)


@panel_view(methods=("GET", "POST"))
def replay(request: PanelRequest, id: str) -> HttpResponse:  # noqa: A002 - the name in the address
    found = find(request, id)
    served = request.gateway.instance.served()
    prepared = prepare(found)
    if request.method != "POST":
        return _ask(request, found, served, prepared)
    if served is None or not (served.port or served.unix):
        return refuse(request, 409, "There is nowhere to send it", _NOWHERE)
    if prepared.asks and request.POST.get("sure") != "1":
        return _ask(request, found, served, prepared, "Say that you want it sent: it may change something.", 400)
    through = request.POST.get("through", "")
    store = request.gateway.store
    cursor, _ = store.since(-1)
    try:
        answer = _send(served, prepared, through)
    except ReplayError as error:
        return _ask(request, found, served, prepared, str(error), 502)
    new = seen(store, cursor, prepared, found)
    if new is None:
        told = f"It was answered with {answer.status}, and nothing of it was recorded."
        return _ask(request, found, served, prepared, told, 502)
    location = address(request, "compare") + rows.query_string(a=format_id(found.id), b=format_id(new.id))
    return HttpResponse(status=303, headers={"Location": location})


def prepare(exchange: Exchange) -> Plan:
    handover = exchange.handover
    if handover is None or exchange.type != "http":
        return plan(None, "", [], body=0)
    head = arrived(exchange, handover)
    return plan(exchange.method, path_of(head.target), head.headers, body=exchange.sizes.request_bytes)


def _send(served: Served, prepared: Plan, through: str) -> Answer:
    if through and through != served.interface:
        interface, _, server = through.partition(" ")
        if server and not any((each.interface, each.name) == (interface, server) for each in served.others):
            raise ReplayError(f"There is no server “{server[:20]}” for {interface[:20].upper()} here.")
        with started(interface, os.environ, served.root or os.getcwd(), server) as target:
            return send(target, prepared)
    return send(Target(served.host, served.port, served.unix, served.tls), prepared)


def seen(store: Store, cursor: int, prepared: Plan, old: Exchange) -> Summary | None:
    """What was recorded of it: the first that came since with its method and path."""
    return awaited(store, cursor, lambda summary: (summary.method, summary.path) == (prepared.method, old.path))


def awaited(store: Store, cursor: int, wanted: Callable[[Summary], bool]) -> Summary | None:
    """The first finished one that came after ``cursor``, as soon as it is there; None where none comes."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        _, news = store.since(cursor)
        for summary in news:
            if wanted(summary) and summary.state != IN_FLIGHT:
                return summary
        time.sleep(0.05)
    return None


def _ask(
    request: PanelRequest, found: Exchange, served: Served | None, prepared: Plan, trouble: str = "", status: int = 200
) -> HttpResponse:
    somewhere = served is not None and bool(served.port or served.unix)
    context: dict[str, Any] = {
        "chain": chain_of(request),
        "exchange": found,
        "selected": format_id(found.id),
        "heading": heading(Subject(found)),
        "plan": prepared,
        "trouble": trouble,
        "nowhere": "" if somewhere else _NOWHERE,
        "where": _where(served) if served and somewhere else "",
        "ways": ways(served) if served and somewhere else [],
        "servers": others(served) if served and somewhere else [],
    }
    return render(request, "replay.html", context, status=status)


def _where(served: Served) -> str:
    return served.unix or (f"[{served.host}]:{served.port}" if ":" in served.host else f"{served.host}:{served.port}")


def ways(served: Served) -> list[dict[str, str]]:
    """As it is served, or through another interface; that takes a project that gatewayserve can find again."""
    server = " ".join(filter(None, (served.server, served.version)))
    found = [{"key": "", "name": f"{served.interface.upper()} on {server}, as it is served now"}]
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        names = {
            "wsgi": "WSGI, on a server started for this request",
            "asgi": "ASGI, on a server started for this request",
            "cgi": "CGI: a web server and a process, both for this request",
        }
        found += [
            {"key": key, "name": names[key]}
            for key in INTERFACES
            if key != served.interface and (key != "asgi" or "asgi" in served.applications)
        ]
    return found


def others(served: Served) -> list[dict[str, str]]:
    """Servers that could be started for this request, besides the one that serves now."""
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        return []
    return [
        {
            "key": f"{each.interface} {each.name}",
            "name": f"{each.interface.upper()} on {' '.join(filter(None, (each.title, each.version)))}",
        }
        for each in served.others
        if (each.interface, each.title) != (served.interface, served.server)
        and (each.interface != "asgi" or "asgi" in served.applications)
    ]
