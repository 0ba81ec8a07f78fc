"""Small projects to serve: what startproject makes, with our line in INSTALLED_APPS and a few views."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

VIEWS = """
import asyncio
import os
import time

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render

VERSION = "one"


def version(request):
    return HttpResponse(VERSION)


def who(request):
    return HttpResponse(str(os.getpid()))


def interface(request):
    return HttpResponse("asgi" if hasattr(request, "scope") else "wsgi")


def variable(request):
    return HttpResponse(os.environ.get("GREETING", "unset"))


def page(request):
    return render(request, "page.html")


def slow(request):
    open("begun", "w").close()
    time.sleep(1)
    return HttpResponse(VERSION)


def die(request):
    os._exit(3)


def debugger(request):
    answer = input("Your answer? ")
    return HttpResponse(f"got {answer}")


def events(request):
    async def ticks():
        while True:
            yield f"data: {VERSION}\\n\\n"
            await asyncio.sleep(0.1)

    def sync_ticks():
        while True:
            yield f"data: {VERSION}\\n\\n"
            time.sleep(0.1)

    ticking = ticks() if hasattr(request, "scope") else sync_ticks()
    return StreamingHttpResponse(ticking, content_type="text/event-stream")
"""
URLS = """
from django.contrib import admin
from django.urls import path

from . import views

urlpatterns = [path("admin/", admin.site.urls)]
urlpatterns += [
    path(f"{view.__name__}/", view)
    for view in (
        views.version, views.who, views.interface, views.variable, views.page, views.slow, views.die, views.debugger,
        views.events,
    )
]
"""
SOCKETS = """
import os

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
django_application = get_asgi_application()


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data=text_data, bytes_data=bytes_data)


class Closed(AsyncWebsocketConsumer):
    async def connect(self):
        await self.close()


application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": URLRouter([path("echo/", Echo.as_asgi()), path("closed/", Closed.as_asgi())]),
    }
)
"""


class Site:
    """A project fresh from startproject, with our line in INSTALLED_APPS and a few views."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "django", "startproject", "mysite", str(folder)], check=True, env=environment()
        )
        self.edit("mysite/settings.py", "INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'django_gateway',")
        self.edit("mysite/settings.py", "'DIRS': []", "'DIRS': [BASE_DIR / 'pages']")
        self.write("mysite/views.py", VIEWS)
        self.write("mysite/urls.py", URLS)
        self.write("pages/page.html", "page one")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Save it as editors do, at one blow: whoever loads the project meanwhile sees the old file or the new one."""
        text = self.read(name)
        assert old in text
        aside = self.folder / f"{name}.saving~"
        aside.write_text(text.replace(old, new), encoding="utf-8")
        aside.replace(self.folder / name)

    def settings(self, text: str) -> None:
        self.write("mysite/settings.py", f"{self.read('mysite/settings.py')}\n{text}\n")

    def with_sockets(self) -> Site:
        """ASGI by default, with two WebSocket consumers."""
        self.write("mysite/asgi.py", SOCKETS)
        self.settings("ASGI_APPLICATION = 'mysite.asgi.application'")
        return self


def environment(**more: str) -> dict[str, str]:
    """This process' environment without what it says of Django or of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "GATEWAY_"))}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}
