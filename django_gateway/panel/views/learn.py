"""The guided tour over the reader's own requests. GET tells; POST makes the request of one step and shows it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

from django.http import Http404, HttpResponse
from django.utils.encoding import escape_uri_path

from ...exchange import FINISHED, HTTP, Summary, format_id
from ...served import Served
from .. import rows
from ..access import PanelRequest, panel_view
from ..learn import CHAPTERS, FIGURES, STEPS, Step, facts, newest
from ..pages import address, render
from ..refusals import refuse
from ..replay import ReplayError, Target, plan, send
from ..replay.sending import started
from ..text import shown
from ..topology import listeners, tree
from ..topology.words import waits_for
from .list import chain_of
from .replay import awaited
from .topology import where

#: Exchanges that are looked through for what a step shows.
LOOKED_THROUGH: Final = 300


@panel_view(methods=("GET", "POST"))
def learn(request: PanelRequest) -> HttpResponse:
    summaries = request.gateway.store.page(limit=LOOKED_THROUGH)
    served = request.gateway.instance.served()
    path = own_path(summaries)
    if request.method == "POST":
        step = STEPS.get(request.POST.get("step", ""))
        if step is None:
            raise Http404("There is no such step.")
        return _make(request, step, served, path)
    chapters = []
    number = 0
    for title, steps in CHAPTERS:
        lines = []
        for step in steps:
            number += 1
            lines.append({"number": number, **_step(request, step, summaries, served)})
        chapters.append({"title": title, "steps": lines})
    context = {"place": "learn", "chain": chain_of(request), "chapters": chapters, "path": path}
    return render(request, "learn.html", context)


def own_path(summaries: Sequence[Summary]) -> str:
    """The path and query of the newest page of the reader's own that can be asked for again without harm."""
    found = (each for each in summaries if each.type == HTTP and each.state == FINISHED and each.view)
    for summary in found:
        quick = summary.sizes.chunks < 20 and (summary.duration or 0) < 2_000_000_000
        if summary.method == "GET" and summary.status == 200 and quick:
            return escape_uri_path(summary.path)
    return "/"


def _step(request: PanelRequest, step: Step, summaries: Sequence[Summary], served: Served | None) -> dict[str, Any]:
    found = newest(step.key, summaries)
    exchange = request.gateway.store.get(found.id) if found else None
    can = step.through != "none" and served is not None and bool(served.port or served.unix)
    elsewhere = _page(request, step)
    return {
        "step": step,
        "paragraphs": [pieces(text) for text in step.answer],
        "figure": FIGURES.get(step.key),
        "facts": facts(step.key, exchange) if exchange else _now(request, step),
        "seen": exchange
        and {
            "href": _place(request, format_id(exchange.id), step),
            "row": rows.row(found) if found else None,
        },
        "button": can and _possible(step, served),
        "elsewhere": elsewhere,
        "hint": "" if can or elsewhere else _HINTS.get(step.key, _NOWHERE),
    }


_NOWHERE: Final = "Open a page of your project, or let gatewayserve serve it: then a button here makes the request."
_HINTS: Final = {
    "websocket": "Open a page of your project that speaks over a WebSocket; if there is none yet, the Channels tutorial"
    " makes a chat.",
}


def pieces(text: str) -> list[tuple[str, str]]:
    """Text and code in turn: what stood in backticks is code."""
    return [("code" if number % 2 else "", part) for number, part in enumerate(text.split("`")) if part]


def _page(request: PanelRequest, step: Step) -> str:
    return address(request, "topology") if step.tab == "topology" else ""


def _place(request: PanelRequest, number: str, step: Step) -> str:
    tab = "journey" if step.tab in ("compare", "topology") else step.tab
    return f"{address(request, 'exchange', number)}?tab={tab}"


def _possible(step: Step, served: Served | None) -> bool:
    """Whether the project can be served through what the step needs."""
    if served is None or not step.through or step.through == served.interface:
        return True
    return "DJANGO_SETTINGS_MODULE" in os.environ and (step.through in ("cgi", "wsgi") or "asgi" in served.applications)


def _now(request: PanelRequest, step: Step) -> list[tuple[str, str]]:
    """What the kernel says at this moment, for steps about processes and sockets."""
    root = tree(request.gateway.instance.supervisor or os.getpid()) if step.tab == "topology" else None
    if root is None:
        return []
    every = list(root.walk())
    if step.key == "socket":
        found = listeners({inode for process in every for inode in process.sockets})
        holders = {each.inode: sum(each.inode in process.sockets for process in every) for each in found}
        return [(where(each), f"is held by {holders[each.inode]} of your processes") for each in found[:3]]
    asleep = [process for process in every if all(thread.state != "R" for thread in process.threads)]
    waits = next(
        (words for process in asleep for thread in process.threads if (words := waits_for(thread.channel))), ""
    )
    told = [(f"{len(asleep)} of {len(every)}", "of your processes sleep at this moment")]
    return [*told, (f"pid {asleep[-1].pid}", waits)] if asleep and waits else told


def _make(request: PanelRequest, step: Step, served: Served | None, path: str) -> HttpResponse:
    if step.through == "none" or served is None or not (served.port or served.unix):
        return refuse(request, 409, "There is nowhere to send it", _NOWHERE)
    try:
        if step.through == "both":
            pair = [_one(request, served, path, each) for each in ("wsgi", "asgi")]
            location = address(request, "compare") + rows.query_string(a=format_id(pair[0]), b=format_id(pair[1]))
        else:
            location = _place(request, format_id(_one(request, served, path, step.through)), step)
    except ReplayError as error:
        return refuse(request, 502, "The request could not be made", shown(str(error), 600))
    return HttpResponse(status=303, headers={"Location": location})


def _one(request: PanelRequest, served: Served, path: str, through: str) -> int:
    """The id of what was recorded of it. Raises ReplayError."""
    store = request.gateway.store
    cursor, _ = store.since(-1)
    prepared = plan("GET", path, [("Accept", "text/html,*/*"), ("User-Agent", "django-gateway, learning")], body=0)
    if through and through != served.interface:
        with started(through, os.environ, served.root or os.getcwd()) as target:
            send(target, prepared)
    else:
        send(Target(served.host, served.port, served.unix, served.tls), prepared)
    found = awaited(store, cursor, lambda summary: summary.method == "GET" and summary.type == HTTP)
    if found is None:
        raise ReplayError("It was answered, and nothing of it was recorded: is recording on?")
    return found.id
