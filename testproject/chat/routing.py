from __future__ import annotations

from typing import Any, cast

from django.urls import path

from .consumers import ChatConsumer, EchoConsumer

# Channels routes to ASGI applications with Django's path(), which is typed for views.
websocket_urlpatterns = [
    path("ws/chat/<slug:room>/", cast("Any", ChatConsumer.as_asgi())),
    path("ws/echo/", cast("Any", EchoConsumer.as_asgi())),
]
