"""The list of what was recorded, newest first, and what may be done to it."""

from __future__ import annotations

from typing import Any, Final

import django
from django.http import HttpResponse, QueryDict

from ...exchange import Summary, format_id
from ...proxied import front
from .. import query
from ..access import PanelRequest, panel_view
from ..api import json_response
from ..pages import address, addresses, render
from ..pins import Pins
from ..rows import Link, Row, bar, chain, query_string, row, scale

PAGE: Final = 50
#: What a beginner may want to see, each a filter that can be typed as well.
QUICK: Final = (
    ("Errors", "status:5xx"),
    ("Not found", "status:404"),
    ("Slow", "duration:>500"),
    ("Thread hops", "hops:>0"),
    ("WebSockets", "type:websocket"),
    ("In flight", "state:in_flight"),
)


@panel_view
def exchanges(request: PanelRequest) -> HttpResponse:
    text = request.GET.get("q", "")
    problem = None
    page: list[Summary] = []
    around = frame(request)
    before = None
    try:
        conditions = query.conditions(request.GET, ("before",))
        before = query.before(request.GET)
        page = request.gateway.store.page(conditions, before=before, limit=PAGE + 1)
    except query.BadQueryError as error:
        problem = error
    rows = listed(request, page[:PAGE])
    context = {
        **around,
        "rows": rows,
        "q": text,
        "problem": problem,
        "mistake": mistake_of(text, problem),
        "before": before,
        "newest": address(request, "list") + query_string(q=text),
        "older": query_string(q=text, before=format_id(page[PAGE - 1].id)) if len(page) > PAGE else None,
        "quick": quick(request, text),
        "pinned": [] if text or before else listed(request, Pins(request.gateway.instance.folder).rows()),
    }
    return render(request, "list.html", context)


@panel_view(answers="json")
def filter_problem(request: PanelRequest) -> HttpResponse:
    """What is wrong with the filter ``q``, and from where to where: "problem" is null where nothing is."""
    text = request.GET.get("q", "")
    try:
        query.conditions(QueryDict(query_string(q=text)[1:]))
    except query.BadQueryError as error:
        start, end = _span(text, error.position or 0)
        return json_response({"problem": f"{error}.", "start": start, "end": end})
    return json_response({"problem": None})


@panel_view(methods=("POST",))
def clear(request: PanelRequest) -> HttpResponse:
    """Forgets everything that was recorded."""
    request.gateway.store.clear()
    return HttpResponse(status=303, headers={"Location": address(request, "list")})


class ListedRow(Row):
    href: str
    bar: list[Any]


def listed(request: PanelRequest, page: list[Summary]) -> list[ListedRow]:
    rows = [row(summary) for summary in page]
    longest = scale(rows)
    href = addresses(request)
    return [{**shown, "href": href(shown["id"]), "bar": bar(shown, longest)} for shown in rows]


def rows_for(request: PanelRequest, limit: int = PAGE) -> list[ListedRow]:
    """The newest exchanges, for list_aside.html beside another page."""
    return listed(request, request.gateway.store.page(limit=limit))


def frame(request: PanelRequest, chain: list[Link] | None = None) -> dict[str, Any]:
    """What the header of a page shows: the chain from server to framework, and how much is recorded."""
    store = request.gateway.store
    # Taken before any row is read: what comes in between is told twice rather than not at all.
    cursor, _ = store.since(-1)
    return {
        "cursor": cursor,
        "chain": chain_of(request) if chain is None else chain,
        "recorded": store.statistics().exchanges,
        "streams": request.gateway.instance.streams,
    }


def chain_of(request: PanelRequest) -> list[Link]:
    """Read off the newest exchanges: the processes are those of the newest one's server."""
    store = request.gateway.store
    newest = store.page(limit=PAGE)
    # What a proxy has answered itself tells of no server; it is told where there is nothing else.
    latest = next((summary for summary in newest if summary.interface != "proxy"), newest[0] if newest else None)
    if latest is None:
        return []
    # The versions are in the whole exchange: it is read off the smallest of that process. Some hold a conversation of
    # fifty thousand messages.
    of_process = [each for each in newest if (each.pid, each.interface) == (latest.pid, latest.interface)]
    exchange = store.get(min(of_process, key=_weight).id)
    if exchange is None:
        return []
    server = exchange.server
    pids = sorted({summary.pid for summary in newest if summary.server == server.name})
    version = django.get_version()
    return chain(server.name, server.version, pids or [server.pid], exchange.interface, version, front(exchange))


def _weight(summary: Summary) -> int:
    sizes = summary.sizes
    return sizes.received + sizes.sent + sizes.chunks + sizes.crossings


def mistake_of(text: str, problem: query.BadQueryError | None) -> dict[str, str] | None:
    """The filter's text in three parts: up to the term that can't be read, that term, the rest."""
    if problem is None or problem.position is None:
        return None
    start, end = _span(text, problem.position)
    return {"before": text[:start], "term": text[start:end], "after": text[end:]}


def _span(text: str, start: int) -> tuple[int, int]:
    return start, next((place for place in range(start, len(text)) if text[place].isspace()), len(text))


def quick(request: PanelRequest, text: str, name: str = "list") -> list[dict[str, Any]]:
    """Filters at hand, each switched on or off beside what is typed, for the view of the list of that name."""
    return [
        {"name": title, "term": term, "on": term in text.split(), "href": _toggled(request, text, term, name)}
        for title, term in QUICK
    ]


def _toggled(request: PanelRequest, text: str, term: str, name: str) -> str:
    terms = text.split()
    terms = [other for other in terms if other != term] if term in terms else [*terms, term]
    return address(request, name) + query_string(q=" ".join(terms))
