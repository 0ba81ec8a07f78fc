from __future__ import annotations

from django.urls import path

from . import views

app_name = "streams"
urlpatterns = [
    path("", views.watch, name="watch"),
    path("sync/", views.sync_stream, name="sync"),
    path("async/", views.async_stream, name="async"),
    path("events/", views.events, name="events"),
]
