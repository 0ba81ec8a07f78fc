"""The panel, to be mounted: ``path("__gateway__/", include("django_gateway.urls"))``."""

from __future__ import annotations

from django.urls import path

from .panel import api, live
from .panel.views import assets, carry, compare, entrance, exchange, learn, replay, routes, settings, topology
from .panel.views import list as listing

app_name = "django_gateway"

urlpatterns = [
    path("", listing.exchanges, name="list"),
    path("clear/", listing.clear, name="clear"),
    path("filter/", listing.filter_problem, name="filter"),
    path("enter/", entrance.entrance, name="enter"),
    path("routes/", routes.routes, name="routes"),
    path("exchanges/<str:id>/", exchange.exchange, name="exchange"),
    path("exchanges/<str:id>/curl/", carry.curl, name="curl"),
    path("exchanges/<str:id>/share/", carry.share, name="share"),
    path("exchanges/<str:id>/replay/", replay.replay, name="replay"),
    path("exchanges/<str:id>/pin/", exchange.pin, name="pin"),
    path("compare/", compare.compare, name="compare"),
    path("topology/", topology.topology, name="topology"),
    path("learn/", learn.learn, name="learn"),
    path("settings/", settings.settings, name="settings"),
    path("live/", live.live, name="live"),
    path("live/poll", live.poll, name="poll"),
    path("api/exchanges/", api.exchanges, name="api_exchanges"),
    path("api/exchanges/<str:id>/", api.exchange, name="api_exchange"),
    path("assets/<str:digest>/<str:name>", assets.asset, name="asset"),
]
