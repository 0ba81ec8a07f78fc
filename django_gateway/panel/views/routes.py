"""The list's second view: grouped by route, worst first."""

from __future__ import annotations

import math
from typing import Any, Final

from django.http import HttpResponse

from ...exchange import WEBSOCKET, format_id
from .. import query
from ..access import PanelRequest, panel_view
from ..counting import Count, counting
from ..pages import address, addresses, render
from ..routes import ORDERS, OTHERS, Group, Groups, ordered
from ..rows import BAR, PLACES, Segment, query_string
from ..text import shown
from ..units import duration
from .list import frame, mistake_of, quick

#: Groups of a page.
PAGE: Final = 60


@panel_view
def routes(request: PanelRequest) -> HttpResponse:
    text = request.GET.get("q", "")
    given = request.GET.get("order", "")
    order = given if given in ORDERS else "worst"
    problem = None
    counted = Count(Groups(), whole=True)
    try:
        conditions = query.conditions(request.GET, ("order", "page"))
        store = request.gateway.store
        counted = counting(store, conditions).count(store)
    except query.BadQueryError as error:
        problem = error
    groups = ordered(counted.groups, order)
    pages = max(1, -(-len(groups) // PAGE))
    number = request.GET.get("page", "")
    at = min(max(int(number), 1), pages) if number.isascii() and number.isdigit() and len(number) < 9 else 1
    longest = max((sum(group.parts) for group in groups if group.type != WEBSOCKET), default=1) or 1
    most = max((group.total for group in groups), default=1) or 1
    context = {
        **frame(request),
        "q": text,
        "problem": problem,
        "mistake": mistake_of(text, problem),
        "quick": quick(request, text, "routes"),
        "groups": [line(request, group, longest, most) for group in groups[(at - 1) * PAGE : at * PAGE]],
        "all": len(groups),
        "page": at,
        "pages": pages,
        "before": query_string(q=text, order=given, page=at - 1 if at > 2 else 0) or "?" if at > 1 else None,
        "after": query_string(q=text, order=given, page=at + 1) if at < pages else None,
        "looked": counted.groups.count,
        "whole": counted.whole,
        "orders": [
            {"key": key, "name": name, "on": key == order, "href": query_string(q=text, order=key)}
            for key, name in ORDERS.items()
        ],
        "single": address(request, "list") + query_string(q=text),
        "by_route": True,
    }
    return render(request, "routes.html", context)


def line(request: PanelRequest, group: Group, longest: int, most: int) -> dict[str, Any]:
    """One group in words and numbers; recorded text in it is harmless to look at, and still to be escaped as HTML."""
    terms = group.terms
    return {
        "tag": "WS" if group.type == WEBSOCKET else shown(group.interface.upper(), 8),
        "method": shown(group.method, 16),
        "name": shown(group.name, 160) if group.name != OTHERS else "other paths without a route",
        "view": shown(group.view or ("no view was reached" if group.type != WEBSOCKET else ""), 100),
        "count": group.count,
        "failed": group.failed,
        "refused": group.refused,
        "median": group.median,
        "late": group.late,
        "slowest": None if group.longest is None else duration(group.longest),
        "slowest_href": addresses(request)(format_id(group.slowest)),
        "hops": group.hops,
        "share": round(100 * group.total / most, 1),
        "total": group.total,
        # All of a WebSocket is for its messages, as in the list.
        "bar": segments([0, 0, 0, 0, sum(group.parts)] if group.type == WEBSOCKET else group.parts, longest),
        "href": address(request, "list") + query_string(q=terms) if terms else "",
    }


def segments(parts: list[int], longest: int) -> list[Segment]:
    """Left to right without a gap, in units of which BAR fill the whole bar; by the square root, as in the list."""
    total = sum(parts)
    width = min(BAR, max(round(BAR * math.sqrt(total / longest)), 8)) if total else 0
    found: list[Segment] = []
    done = 0
    for place, part in zip(PLACES, parts, strict=True):
        left = round(width * done / total) if total else 0
        done += part
        right = round(width * done / total) if total else 0
        if right > left:
            found.append({"place": place, "x": left, "width": right - left})
    return found
