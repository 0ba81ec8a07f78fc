"""Giving the token by hand, for those who were not given the link: a form leaves it in no server's log."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse, QueryDict

from ..access import PanelRequest, enter, panel_view
from ..refusals import refuse

LARGEST: Final = 4096


@panel_view(methods=("POST",), public=True)
def entrance(request: PanelRequest) -> HttpResponse:
    # Read here and not by request.POST: who has no token yet shall not have files parsed.
    length = request.META.get("CONTENT_LENGTH") or "0"
    if request.content_type != "application/x-www-form-urlencoded" or not length.isdigit() or int(length) > LARGEST:
        return refuse(request, 400, "This can't be read", "The token comes as the field “token” of a form.")
    given = QueryDict(request.read(int(length)), encoding="utf-8").get("token", "").strip()
    return enter(request, given)
