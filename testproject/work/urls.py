from __future__ import annotations

from django.urls import path

from . import views

app_name = "work"
urlpatterns = [
    path("sync/", views.sync_view, name="sync"),
    path("async/", views.async_view, name="async"),
    path("sleep/", views.sleep, name="sleep"),
    path("sleep-async/", views.sleep_async, name="sleep_async"),
    path("burn/", views.burn, name="burn"),
    path("burn-async/", views.burn_async, name="burn_async"),
]
