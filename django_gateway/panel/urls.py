"""The addresses of the panel's own process: the panel at ``/``, and nothing else."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.urls import include, path, re_path

from .access import PanelRequest, panel_view


@panel_view
def missing(request: PanelRequest) -> HttpResponse:
    raise Http404("The panel has no page at this address.")


urlpatterns = [
    path("", include("django_gateway.urls")),
    re_path("", missing),
]
