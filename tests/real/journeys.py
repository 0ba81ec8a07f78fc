"""What a visitor does in each project, and which view answers it."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Final

from .projects import PASSWORD, USER
from .visitor import Visitor

WRONG_PASSWORD: Final = "wrong-Horse-battery-1"
OTHER_PASSWORD: Final = "another-Horse-battery-5"
#: What is typed into forms, and must be in no record.
TYPED: Final = (PASSWORD, WRONG_PASSWORD, OTHER_PASSWORD)

#: Which view answers a path; None where none is reached. The first that matches counts.
Views = dict[str, str | None]

_ADMIN: Final = "django.contrib.admin.sites.AdminSite"
DJANGO_VIEWS: Final[Views] = {
    r"/|/nowhere/|/static/.*": None,
    r"/admin/": f"{_ADMIN}.index",
    r"/admin/login/": f"{_ADMIN}.login",
    r"/admin/logout/": f"{_ADMIN}.logout",
    r"/admin/jsi18n/": f"{_ADMIN}.i18n_javascript",
    r"/admin/auth/user": f"{_ADMIN}.catch_all_view",
    r"/admin/auth/user/": "django.contrib.admin.options.ModelAdmin.changelist_view",
    r"/admin/auth/user/add/": "django.contrib.auth.admin.UserAdmin.add_view",
    r"/admin/auth/user/\d+/change/": "django.contrib.admin.options.ModelAdmin.change_view",
}

_PAGES: Final = "wagtail.admin.viewsets.pages.PageViewSetRegistry.as_view.<locals>.view_router"
WAGTAIL_VIEWS: Final[Views] = {
    r"/static/.*": None,
    r"/|/nowhere/": "wagtail.views.serve",
    r"/admin/": "wagtail.admin.views.home.HomeView",
    r"/admin/login/": "wagtail.admin.views.account.LoginView",
    r"/admin/logout/": "wagtail.admin.views.account.LogoutView",
    r"/admin/pages/.*": _PAGES,
    r"/admin/images/": "wagtail.images.views.images.IndexView",
    r"/admin/images/add/": "wagtail.images.views.images.CreateView",
    r"/media/.*": "django.views.static.serve",
    r"/search/": "search.views.search",
    r"/django-admin/": f"{_ADMIN}.index",
}


def view_of(path: str, views: Views) -> str | None:
    for pattern, view in views.items():
        if re.fullmatch(pattern, path):
            return view
    raise AssertionError(f"no view is known for {path}")


def log_in(visitor: Visitor) -> None:
    visitor.get("/admin/")
    visitor.submit("password", {"username": USER, "password": WRONG_PASSWORD})
    visitor.submit("password", {"username": USER, "password": PASSWORD})
    assert visitor.page.url.path == "/admin/"


def browse_django(visitor: Visitor, *, static: bool = True, debug: bool = True) -> None:
    """``static``: whether static files are served. ``debug``: as the settings have it."""
    if debug:
        assert "The install worked successfully" in visitor.get("/").text
    visitor.get("/nowhere/", status=404)
    log_in(visitor)
    visitor.get("/static/admin/css/base.css", status=200 if static else 404)
    visitor.get("/admin/auth/user/?q=ada")
    visitor.get("/admin/auth/user/add/")
    visitor.submit("password1", {"username": "grace", "password1": OTHER_PASSWORD, "password2": OTHER_PASSWORD})
    assert "was added successfully" in visitor.page.text
    visitor.submit("first_name", {"first_name": "Grace"})
    visitor.get("/admin/auth/user")
    assert "Grace" in visitor.page.text
    visitor.head("/admin/")
    visitor.get("/admin/jsi18n/")
    visitor.get("/admin/")
    visitor.send("/admin/logout/")


def browse_wagtail(visitor: Visitor) -> None:
    assert "Welcome to your new Wagtail site!" in visitor.get("/").text
    visitor.get("/nowhere/", status=404)
    log_in(visitor)
    visitor.get("/static/css/mysite.css")
    visitor.get("/admin/pages/3/")
    visitor.get("/admin/pages/3/edit/")
    visitor.submit("title", {"title": "A home of its own", "action-publish": "action-publish"})
    assert "A home of its own" in visitor.get("/").text
    visitor.get("/admin/images/add/")
    visitor.submit("file", {"title": "Two by two"}, files={"file": ("two.png", small_image(), "image/png")})
    shown = re.search(r'src="(/media/images/[^"]+)"', visitor.page.text)
    assert shown, visitor.page.text
    visitor.get(shown[1])
    visitor.get("/search/?query=own")
    visitor.get("/admin/pages/3/history/")
    visitor.get("/django-admin/")
    visitor.get("/admin/")
    visitor.send("/admin/logout/")


def small_image() -> bytes:
    """A PNG of two by two pixels."""
    rows = b"".join(b"\0" + color * 2 for color in (b"\xc0\x20\x20", b"\x20\x20\xc0"))
    head = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    blocks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)
