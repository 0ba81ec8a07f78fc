from __future__ import annotations

from django.urls import path

from . import views

app_name = "pages"
urlpatterns = [
    path("", views.home, name="home"),
    path("about/", views.about, name="about"),
    path("json/", views.data, name="json"),
    path("cookies/", views.cookies, name="cookies"),
    path("redirect/", views.moved, name="redirect"),
    path("account/", views.account, name="account"),
]
