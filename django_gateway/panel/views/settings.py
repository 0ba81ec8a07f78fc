"""The settings in force and who set them, how full the store is, and what recording costs and had to drop."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse

from ...served import Served, Setting
from ...stores.account import SAMPLED_OF, Report, reports
from ...stores.base import Statistics
from ..access import PanelRequest, panel_view
from ..pages import render
from ..topology import readable
from .list import chain_of

#: What each key is for; a key that is not here is told by what it accepts.
MEANINGS: Final = {
    "ENABLED": "Whether anything is recorded",
    "STORE": "Where exchanges are kept",
    "MAX_EXCHANGES": "How many exchanges are kept; the oldest go first",
    "MAX_BYTES": "How many bytes they may take together",
    "MAX_EVENTS": "How many events are kept of one exchange",
    "BODY_BYTES": "How many bytes are kept of each message",
    "HIDE": "Further names whose values are hidden",
    "PANEL": "Whether a mounted panel answers",
    "SERVER_TIMING": "Whether Django's responses tell their times to the browser, with DEBUG",
    "EXCHANGE_HEADER": "Whether they name their exchange in X-Gateway-Exchange, with DEBUG",
    "SERVE": "The project's own defaults for gatewayserve",
}
SOURCES: Final = {
    "GATEWAY": "GATEWAY in the settings",
    "environment": "the environment",
    "DEBUG": "follows DEBUG",
    "default": "default",
    "refused": "default",
}


@panel_view
def settings(request: PanelRequest) -> HttpResponse:
    instance = request.gateway.instance
    served = instance.served()
    found = reports(instance.folder)
    context = {
        "place": "settings",
        "chain": chain_of(request),
        "store": store(request.gateway.store.statistics()),
        "served": served,
        "settings": [setting(each) for each in served.settings] if served else [],
        "recorders": [recorder(each) for each in found],
        "in_python": sum(not each.compiled for each in found),
        "dropped": sum(each.dropped for each in found),
        "faults": sum(each.faults for each in found),
        "project": project(served),
        "sampled": SAMPLED_OF,
        "silent": not readable(),
    }
    return render(request, "settings.html", context)


def setting(each: Setting) -> dict[str, str]:
    return {
        "key": each.key,
        "meaning": MEANINGS.get(each.key, each.accepts),
        "value": each.value,
        "source": SOURCES.get(each.source, each.source),
        "tone": each.source,
        "detail": each.detail,
    }


def store(statistics: Statistics) -> dict[str, Any]:
    """How full it is: by the bound that is nearer."""
    count, used, capacity = statistics.exchanges, statistics.bytes, statistics.capacity
    by_count = share(count, capacity.exchanges)
    by_bytes = share(used, capacity.bytes)
    each = used // count if count else 0
    left = min(capacity.exchanges - count, (capacity.bytes - used) // each) if each else capacity.exchanges - count
    return {
        "location": statistics.location,
        "count": count,
        "most": capacity.exchanges,
        "bytes": used,
        "most_bytes": capacity.bytes,
        "each": each,
        "left": max(left, 0),
        "full": left <= 0,
        "by_count": by_count,
        "by_bytes": by_bytes,
    }


def share(part: int, whole: int) -> float:
    """In percent, with one decimal; what is above nothing can be seen."""
    if part <= 0 or whole <= 0:
        return 0.0
    return min(max(round(100 * part / whole, 1), 0.5), 100.0)


def recorder(report: Report) -> dict[str, Any]:
    return {
        "pid": report.pid,
        "written": report.written,
        "dropped": report.dropped,
        "error": report.error,
        "faults": report.faults,
        "fault": report.fault,
        "in_flight": report.in_flight,
        "cpu": report.cpu,
        "each": report.cpu // report.written if report.written else None,
        "packing": report.packing,
        "compiled": report.compiled,
    }


def project(served: Served | None) -> list[tuple[str, str]]:
    """What runs, in pairs of a name and a value."""
    if served is None:
        return []
    where = served.unix or (f"{served.host} port {served.port}" if served.port else "")
    server = " ".join(filter(None, (served.server, served.version)))
    return [
        (name, value)
        for name, value in (
            ("Settings module", served.settings_module),
            ("DEBUG", str(served.debug)),
            ("Folder", served.root),
            ("Interface", served.interface.upper()),
            ("Server", server),
            ("Workers", str(served.workers or "")),
            ("Behind", served.proxy),
            ("Listens on", where + (", with TLS" if served.tls and where else "")),
            ("Django", served.django),
            ("Python", served.python),
            ("Kept in", served.folder),
        )
        if value
    ]
