from __future__ import annotations

from django.urls import path

from . import views

app_name = "failures"
urlpatterns = [
    path("before/", views.before, name="before"),
    path("before-async/", views.before_async, name="before_async"),
    path("middle/", views.middle, name="middle"),
    path("middle-async/", views.middle_async, name="middle_async"),
]
