"""The project that every server serves here: views that give back what they were given."""

from __future__ import annotations

from pathlib import Path

from serving import Site

VIEWS = """
import asyncio
import hashlib
import os
import time

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def echo(request, rest=""):
    files = [[file.name, file.size, hashlib.sha256(file.read()).hexdigest()] for file in request.FILES.values()]
    body = b"" if files else request.body
    return JsonResponse({
        "method": request.method,
        "path": request.path,
        "query": dict(request.GET.lists()),
        "form": dict(request.POST.lists()),
        "files": files,
        "twice": request.META.get("HTTP_X_TWICE"),
        "under": request.META.get("HTTP_X_UNDER"),
        "host": request.get_host(),
        "scheme": request.scheme,
        "cookies": request.COOKIES,
        "body": [len(body), hashlib.sha256(body).hexdigest()],
    })


def answer(request):
    response = HttpResponse(b"answer", status=299, reason="Quite Fine", content_type="text/plain")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    response["X-Made-By"] = "the view"
    response["Server"] = "the view"
    response["Date"] = "Thu, 01 Jan 1970 00:00:00 GMT"
    return response


def empty(request):
    return HttpResponse(status=204)


def waits(request):
    # Until the client has said that it has the first piece, or that takes too long.
    end = time.monotonic() + 2
    while "wait" in request.GET and not os.path.exists(request.GET["wait"]):
        yield
        if time.monotonic() > end:
            return


def read(request):
    return b"second" if "wait" not in request.GET or os.path.exists(request.GET["wait"]) else b"too late"


def parts(request):
    yield b"first,"
    for _ in waits(request):
        time.sleep(0.01)
    yield read(request)


async def parts_async(request):
    yield b"first,"
    for _ in waits(request):
        await asyncio.sleep(0.01)
    yield read(request)


def broken():
    yield b"first,"
    raise RuntimeError("in the middle")


async def broken_async():
    yield b"first,"
    raise RuntimeError("in the middle")


def endless():
    while True:
        yield b"x" * 1000
        time.sleep(0.02)


async def endless_async():
    while True:
        yield b"x" * 1000
        await asyncio.sleep(0.02)


def stream(request):
    return StreamingHttpResponse(parts(request))


def stream_async(request):
    return StreamingHttpResponse(parts_async(request))


def before(request):
    raise RuntimeError("before there was a response")


def middle(request):
    return StreamingHttpResponse(broken_async() if hasattr(request, "scope") else broken())


def forever(request):
    return StreamingHttpResponse(endless_async() if hasattr(request, "scope") else endless())
"""
URLS = """
from django.urls import path, re_path

from . import views

urlpatterns = [re_path("^echo/(?P<rest>.*)$", views.echo)]
urlpatterns += [
    path(f"{view.__name__}/", view)
    for view in (
        views.answer, views.empty, views.stream, views.stream_async, views.before, views.middle, views.forever,
    )
]
"""


def make(folder: Path) -> Site:
    site = Site(folder)
    site.write("mysite/views.py", VIEWS)
    site.write("mysite/urls.py", URLS)
    # A warning for each broken page would be a warning for each broken page.
    site.settings(
        "LOGGING = {'version': 1, 'disable_existing_loggers': False, 'loggers': {"
        "'django.request': {'level': 'CRITICAL'}}}"
    )
    return site
