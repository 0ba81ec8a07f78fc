"""An exchange to take along: as a command for curl, and as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, Final

import msgspec
from django.http import HttpResponse
from django.utils.safestring import mark_safe

from ...events import EVENT_FIELDS
from ...exchange import Exchange, Handover, format_id
from ...exports import curl as curls
from ...served import Served
from .. import assets
from ..access import PanelRequest, panel_view
from ..pages import text_of
from ..refusals import refuse
from ..tabs.base import Subject
from ..tabs.handover import arrived, entries
from .exchange import TABS, find, heading

SHEETS: Final = ("tokens.css", "base.css", "exchange.css", "journey.css", "share.css")
#: A link to another tab, as templates write it. Recorded text can't look like one: its quotes are escaped.
_TAB: Final = re.compile(r'href="\?tab=([a-z]+)[^"]*"')


@panel_view
def curl(request: PanelRequest, id: str) -> HttpResponse:  # noqa: A002 - the name in the address
    found = find(request, id)
    if found.handover is None or found.method is None:
        return refuse(request, 409, "Not a request that curl can make", "What was handed over was not recorded.")
    head = arrived(found, found.handover)
    given = {name.lower(): value for name, value in head.headers}
    url = _base(request.gateway.instance.served(), given.get("host", "localhost")) + path_of(head.target)
    text = curls.command(found.method, url, head.headers, body=found.sizes.request_bytes)
    return HttpResponse(text.encode("utf-8", "backslashreplace"), content_type="text/plain; charset=utf-8")


def path_of(target: str) -> str:
    """Of a request's target: the recorded scheme and host of an absolute one are nobody's to ask."""
    if not target.startswith("/"):
        target = "/" + target.partition("://")[2].partition("/")[2] if "://" in target else "/"
    return target.partition("#")[0]


def _base(served: Served | None, host: str) -> str:
    """Where the project answers; the recorded Host where nobody has told."""
    if served is None or not served.port:
        return f"http://{host}"
    name = f"[{served.host}]" if ":" in served.host else served.host
    name = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(name, name)
    return f"{'https' if served.tls else 'http'}://{name}:{served.port}"


@panel_view
def share(request: PanelRequest, id: str) -> HttpResponse:  # noqa: A002 - the name in the address
    """To be saved: it has no script and refers to nothing outside itself."""
    found = concealed(find(request, id))
    subject = Subject(found)
    style = "".join(assets.load().files[name].content.decode() for name in SHEETS)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    around = {"exchange": found, "heading": heading(subject), "selected": format_id(found.id), "shared": True}
    sections = []
    for tab in TABS:
        # The project's code is not part of what was recorded.
        if tab.key == "source" or not tab.shows(found):
            continue
        html = text_of(request, f"exchange_{tab.key}.html", {**around, "tab": tab.key, **tab.build(subject, {})})
        # Out of our own templates, where every recorded word was escaped.
        sections.append({"key": tab.key, "name": tab.name, "html": mark_safe(_TAB.sub(r'href="#tab-\1"', html))})
    context = {**around, "sections": sections, "style": mark_safe(style), "digest": digest}
    name = f"exchange-{format_id(found.id)}.html"
    return HttpResponse(
        text_of(request, "share.html", context).encode("utf-8", "backslashreplace"),
        content_type="text/html; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


#: Events that carry what was said, and the place of it behind name and instant.
_EXCERPTS: Final = {name: fields.index("excerpt") + 2 for name, fields in EVENT_FIELDS.items() if "excerpt" in fields}


def concealed(exchange: Exchange) -> Exchange:
    """Without what was said in bodies and messages, and without the server process' environment."""
    handover = exchange.handover
    if handover is not None and handover.kind == "environ":
        groups = zip(handover.entries, entries(exchange, handover), strict=True)
        handover = Handover(handover.kind, [entry for entry, shown in groups if shown.group != "process"])
    return msgspec.structs.replace(exchange, handover=handover, trail=[_silent(event) for event in exchange.trail])


def _silent(event: Any) -> Any:
    place = _EXCERPTS.get(event[0])
    if place is None or len(event) <= place:
        return event
    return [*event[:place], None, *event[place + 1 :]]
