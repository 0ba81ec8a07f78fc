"""A project that ends its own process, at whichever point of a request's way the request names in its path."""

from __future__ import annotations

from sites import Site

POINTS = """
import asyncio
import ctypes
import os
import signal

from asgiref.sync import async_to_sync, sync_to_async
from django.core.signals import request_started
from django.dispatch import receiver
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path, register_converter


def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def at(request, point):
    if request.path.startswith(f"/{point}/"):
        kill()


@receiver(request_started)
def announced(sender, environ=None, scope=None, **_):
    if (environ or {}).get("PATH_INFO") == "/signal/" or (scope or {}).get("path") == "/signal/":
        kill()


class Outer:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        at(request, "first-middleware")
        response = self.get_response(request)
        at(request, "way-out")
        return response


class Inner(Outer):
    def __call__(self, request):
        at(request, "later-middleware")
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        at(request, "process-view")


class Deadly:
    regex = "[0-9]+"

    def to_python(self, value):
        kill()

    def to_url(self, value):
        return value


register_converter(Deadly, "deadly")


def alive(request):
    return HttpResponse("alive")


def view(request, **_):
    kill()


def async_to_sync_view(request):
    async def coroutine():
        kill()
    async_to_sync(coroutine)()


def exits(request):
    os._exit(3)


def segfault(request):
    ctypes.string_at(0)


def hangs(request):
    while True:
        pass


def deaf(request):
    # A lock of C's, taken twice: no signal gets out of it, so none of Python's handlers runs.
    lock, library = ctypes.create_string_buffer(64), ctypes.CDLL(None)
    library.pthread_mutex_lock(lock)
    library.pthread_mutex_lock(lock)


def template(request):
    return render(request, "deadly.html", {"kill": kill})


def streamed(request):
    def chunks():
        yield b"first"
        kill()
    return StreamingHttpResponse(chunks())


class Closing(HttpResponse):
    def close(self):
        kill()


def closes(request):
    return Closing("an answer")


async def async_view(request):
    await asyncio.sleep(0)
    kill()


async def async_streamed(request):
    async def chunks():
        yield b"first"
        await asyncio.sleep(0)
        kill()
    return StreamingHttpResponse(chunks())


def in_thread():
    kill()


async def crossing(request):
    await sync_to_async(in_thread)()


urlpatterns = [path(f"{name}/", view) for name in ("first-middleware", "later-middleware", "process-view", "signal")]
urlpatterns += [
    path("alive/", alive),
    path("converter/<deadly:number>/", view),
    path("view/", view),
    path("template/", template),
    path("way-out/", alive),
    path("streamed/", streamed),
    path("close/", closes),
    path("exits/", exits),
    path("segfault/", segfault),
    path("hangs/", hangs),
    path("deaf/", deaf),
    path("async-view/", async_view),
    path("async-streamed/", async_streamed),
    path("crossing/", crossing),
    path("async-to-sync/", async_to_sync_view),
]
"""
WSGI = """

_django = application


def application(environ, start_response):
    if environ["PATH_INFO"] == "/application/":
        from mysite.points import kill
        kill()
    return _django(environ, start_response)
"""
ASGI = """
import os

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
_django = get_asgi_application()

from mysite.points import kill


async def http(scope, receive, send):
    if scope["path"] == "/application/":
        kill()
    return await _django(scope, receive, send)


class Talk(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        kill()


application = ProtocolTypeRouter({"http": http, "websocket": URLRouter([path("talk/", Talk.as_asgi())])})
"""


def killed(site: Site) -> Site:
    site.write("mysite/points.py", POINTS)
    site.write("pages/deadly.html", "before {{ kill }} after")
    site.write("mysite/wsgi.py", site.read("mysite/wsgi.py") + WSGI)
    site.write("mysite/asgi.py", ASGI)
    site.settings("""
ROOT_URLCONF = "mysite.points"
MIDDLEWARE = ["mysite.points.Outer", *MIDDLEWARE, "mysite.points.Inner"]
""")
    return site
