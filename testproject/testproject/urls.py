from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

urlpatterns = [
    path("", include("pages.urls")),
    path("work/", include("work.urls")),
    path("streams/", include("streams.urls")),
    path("transfers/", include("transfers.urls")),
    path("failures/", include("failures.urls")),
    path("chat/", include("chat.urls")),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("__gateway__/", include("django_gateway.urls")),
]
