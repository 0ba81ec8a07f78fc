from __future__ import annotations

from django.urls import path

from . import views

app_name = "chat"
urlpatterns = [
    path("echo/", views.echo, name="echo"),
    path("<slug:room>/", views.room, name="room"),
]
