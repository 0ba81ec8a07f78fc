"""The guided tour over the reader's own requests. GET tells; POST makes the request of one step and shows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.http import Http404, HttpResponse
from django.utils.encoding import escape_uri_path

from ...exchange import FINISHED, HTTP, WEBSOCKET, Summary, format_id
from ...proxied import proxied
from ...served import Served
from .. import rows
from ..access import PanelRequest, panel_view
from ..learn import CHAPTERS, FIGURES, STEPS, Step, facts, newest
from ..pages import address, render
from ..refusals import refuse
from ..replay import Plan, ReplayError, Target, converse, plan, send
from ..replay.sending import started
from ..text import shown
from ..topology import listeners, tree
from ..topology.words import waits_for
from .list import chain_of
from .replay import awaited
from .topology import where

_AGENT: Final = ("User-Agent", "django-gateway, learning")
#: What is said over a WebSocket, where the reader wants something said.
HELLO: Final = "hello"
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
        return _make(request, step, served, path, own_socket(summaries) or path)
    chapters = []
    number = 0
    for title, steps in CHAPTERS:
        lines = []
        for step in steps:
            number += 1
            lines.append({"number": number, **_step(request, step, summaries, served, path)})
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


def own_socket(summaries: Sequence[Summary]) -> str:
    """The path of the newest WebSocket of the reader's own that was accepted; "" for none."""
    found = (each for each in summaries if each.type == WEBSOCKET and each.status in (None, 101))
    return next((escape_uri_path(each.path) for each in found), "")


def _step(
    request: PanelRequest, step: Step, summaries: Sequence[Summary], served: Served | None, path: str
) -> dict[str, Any]:
    found = newest(step.key, summaries)
    exchange = request.gateway.store.get(found.id) if found else None
    if step.through == "proxy" and exchange is not None and proxied(exchange) is None:
        found = exchange = None
    can = _answers(step, served)
    elsewhere = _page(request, step)
    known = own_socket(summaries) if step.through == "websocket" else ""
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
        "socket": {"path": known or path, "known": bool(known)} if step.through == "websocket" else None,
        "command": "" if can or step.through != "proxy" else "python manage.py gatewayserve --behind nginx",
        "hint": "" if can or elsewhere else _HINTS.get(step.key, _NOWHERE),
    }


def _answers(step: Step, served: Served | None) -> bool:
    """Whether there is anybody to make the step's request to."""
    if step.through == "none" or served is None or not (served.port or served.unix):
        return False
    return step.through != "proxy" or bool(served.proxy)


_NOWHERE: Final = "Open a page of your project, or let gatewayserve serve it: then a button here makes the request."
_HINTS: Final = {
    "websocket": "Open a page of your project that speaks over a WebSocket; if there is none yet, the Channels tutorial"
    " makes a chat.",
    "proxy": "Nothing stands in front of your project now. This puts a real nginx there, with the settings that people"
    " deploy; then a button here sends a request through it.",
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
    through = _interface(step)
    if served is None or not through or through == served.interface:
        return True
    return "DJANGO_SETTINGS_MODULE" in os.environ and (through in ("cgi", "wsgi") or "asgi" in served.applications)


def _interface(step: Step) -> str:
    """ "" for the one that is served."""
    return {"websocket": "asgi", "proxy": ""}.get(step.through, step.through)


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


def _make(request: PanelRequest, step: Step, served: Served | None, path: str, socket: str) -> HttpResponse:
    if served is None or not _answers(step, served):
        return refuse(request, 409, "There is nowhere to send it", _HINTS.get(step.key, _NOWHERE))
    try:
        if step.through == "both":
            pair = [_one(request, served, path, each) for each in ("wsgi", "asgi")]
            location = address(request, "compare") + rows.query_string(a=format_id(pair[0]), b=format_id(pair[1]))
        elif step.through == "websocket":
            say = HELLO if request.POST.get("say") == "1" else ""
            location = _place(request, format_id(_conversation(request, served, socket, say)), step)
        else:
            location = _place(request, format_id(_one(request, served, path, _interface(step))), step)
    except ReplayError as error:
        return refuse(request, 502, "The request could not be made", shown(str(error), 600))
    return HttpResponse(status=303, headers={"Location": location})


def _one(request: PanelRequest, served: Served, path: str, through: str) -> int:
    """The id of what was recorded of it. Raises ReplayError."""
    prepared = plan("GET", path, [("Accept", "text/html,*/*"), _AGENT], body=0)
    return _recorded(
        request,
        served,
        through,
        lambda target: send(target, prepared),
        lambda summary: summary.method == "GET" and summary.type == HTTP and summary.interface != "proxy",
    )


def _conversation(request: PanelRequest, served: Served, path: str, say: str) -> int:
    prepared: Plan = plan("GET", path, [_AGENT], body=0)
    return _recorded(
        request,
        served,
        "asgi",
        lambda target: converse(target, prepared, say),
        lambda summary: summary.type == WEBSOCKET,
    )


def _recorded(
    request: PanelRequest,
    served: Served,
    through: str,
    ask: Callable[[Target], object],
    wanted: Callable[[Summary], bool],
) -> int:
    """Asks at the served address, or at one started for it; the id of what was recorded of it."""
    store = request.gateway.store
    cursor, _ = store.since(-1)
    if through and through != served.interface:
        with started(through, os.environ, served.root or os.getcwd()) as target:
            ask(target)
    else:
        ask(Target(served.host, served.port, served.unix, served.tls))
    found = awaited(store, cursor, wanted)
    if found is None:
        raise ReplayError("It was answered, and nothing of it was recorded: is recording on?")
    return found.id
