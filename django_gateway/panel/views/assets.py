"""The files of ``panel.assets``, without a token: a refusal has to look like something too."""

from __future__ import annotations

from django.http import Http404, HttpResponse

from .. import assets
from ..access import PanelRequest, panel_view
from ..headers import IMMUTABLE


@panel_view(public=True)
def asset(request: PanelRequest, digest: str, name: str) -> HttpResponse:
    loaded = assets.load()
    found = loaded.files.get(name)
    if found is None or digest != loaded.digest:
        raise Http404("There is no such file in this release.")
    return HttpResponse(found.content, content_type=found.type, headers={"Cache-Control": IMMUTABLE})
