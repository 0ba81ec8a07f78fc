"""The addresses of the panel's own process: the panel at ``/``, and nothing else."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.urls import include, path, re_path, resolve
from django.utils.encoding import iri_to_uri
from django.utils.http import escape_leading_slashes

from .access import PanelRequest, panel_view


@panel_view
def missing(request: PanelRequest) -> HttpResponse:
    if not request.path_info.endswith("/") and resolve(f"{request.path_info}/").namespace:
        query = request.META.get("QUERY_STRING", "")
        location = f"{request.path_info}/" + (f"?{query}" if query else "")
        return HttpResponse(status=301, headers={"Location": escape_leading_slashes(iri_to_uri(location))})
    raise Http404("The panel has no page at this address.")


urlpatterns = [
    path("", include("django_gateway.urls")),
    re_path("", missing),
]
