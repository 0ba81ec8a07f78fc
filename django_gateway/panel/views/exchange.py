"""One exchange: its way, what was handed over, what came back."""

from __future__ import annotations

from django.http import Http404, HttpResponse

from ...exchange import Exchange, parse_id
from ..access import PanelRequest, panel_view
from ..pages import render
from .list import frame, rows_for

GONE = "There is no exchange with this id. It may have been pruned to keep the store within its capacity, or cleared."


@panel_view
def exchange(request: PanelRequest, id: str) -> HttpResponse:  # noqa: A002 - the name in the address
    found = find(request, id)
    return render(request, "exchange.html", {**frame(request), "exchange": found, "rows": rows_for(request, 20)})


def find(request: PanelRequest, text: str) -> Exchange:
    """Raises Http404 for an id that is none, or whose exchange is not there any more."""
    number = parse_id(text)
    found = None if number is None else request.gateway.store.get(number)
    if found is None:
        raise Http404("An id has sixteen hexadecimal digits." if number is None else GONE)
    return found
