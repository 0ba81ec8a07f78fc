from __future__ import annotations

from django.urls import path

from . import views

app_name = "transfers"
urlpatterns = [
    path("upload/", views.upload, name="upload"),
    path("raw/", views.raw, name="raw"),
    path("download/", views.download, name="download"),
]
