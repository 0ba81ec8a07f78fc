"""The list and one exchange as JSON, for programs."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.utils.encoding import escape_uri_path

from .. import document
from ..exchange import format_id, parse_id
from . import origins, query
from .access import PanelRequest, panel_view
from .refusals import refuse

GONE = "There is no exchange with this id. It may have been pruned to keep the store within its capacity, or cleared."


def json_response(data: Any, status: int = 200) -> HttpResponse:
    """ASCII only: whatever was recorded, half a surrogate pair too, survives the way."""
    text = json.dumps(data, separators=(",", ":"), default=str)
    return HttpResponse(text.encode("ascii"), content_type="application/json", status=status)


def bad_query(request: PanelRequest, error: query.BadQueryError) -> HttpResponse:
    return refuse(
        request, 400, "This can't be read", f"{error}.", parameter=error.parameter[:40], position=error.position
    )


@panel_view(answers="json")
def exchanges(request: PanelRequest) -> HttpResponse:
    """Newest first. "next" is the address of the page of older ones, null where there are none."""
    try:
        conditions = query.conditions(request.GET, ("before", "limit"))
        before = query.before(request.GET)
        limit = query.limit(request.GET, 50)
    except query.BadQueryError as error:
        return bad_query(request, error)
    page = request.gateway.store.page(conditions, before=before, limit=limit + 1)
    following = None
    if len(page) > limit:
        parameters = request.GET.copy()
        parameters["before"] = format_id(page[limit - 1].id)
        following = f"{escape_uri_path(request.path)}?{parameters.urlencode()}"
    return json_response({"exchanges": [document.row(summary) for summary in page[:limit]], "next": following})


@panel_view(answers="json")
def exchange(request: PanelRequest, id: str) -> HttpResponse:  # noqa: A002 - the name in the address
    number = parse_id(id)
    if number is None:
        return refuse(request, 404, "Not an id", "An id has sixteen hexadecimal digits.")
    found = request.gateway.store.get(number)
    if found is None:
        return refuse(request, 404, "Not here", GONE)
    return json_response(document.document(found, _source))


def _source(kind: str, key: str, server: str | None) -> str | None:
    origin = origins.explain(kind, key, server)
    return origin.source if origin.known else None
