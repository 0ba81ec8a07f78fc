"""A project to deploy: fresh from startproject, with production settings and a view for each thing to be asked."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serving import environment

#: A folder's name with what shells, configuration files and templates take for their own.
HOSTILE: Final = "a $HOME & 'b' 100% #1; (c) `d` \"e\" ~"

SETTINGS: Final = """
DEBUG = False
SECRET_KEY = "x" * 60
ALLOWED_HOSTS = ["localhost"]
STATIC_ROOT = BASE_DIR / "static files"
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "media/"
STATICFILES_DIRS = [BASE_DIR / "assets"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 3600
SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
"""
ASGI_SETTINGS: Final = """
ASGI_APPLICATION = "mysite.asgi.application"
"""
VIEWS: Final = '''
import asyncio
import hashlib
import pathlib
import time

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

GATE = settings.BASE_DIR / "media" / "gates"


def page(request):
    return HttpResponse("<!doctype html><title>page</title>", headers={"Vary": "Cookie"})


def where(request):
    return HttpResponse(str(settings.BASE_DIR))


@csrf_exempt
def echo(request, rest=""):
    kept = ("HTTP_", "REMOTE_", "SERVER_", "CONTENT_")
    meta = {name: value for name, value in request.META.items() if name.startswith(kept)}
    return JsonResponse(
        {
            "method": request.method,
            "path": request.path,
            "query": request.META["QUERY_STRING"],
            "host": request.get_host(),
            "secure": request.is_secure(),
            "meta": {name: str(value) for name, value in meta.items()},
            "asgi": hasattr(request, "scope"),
        }
    )


@csrf_exempt
def upload(request):
    file = request.FILES["file"]
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    kept = default_storage.save(f"uploads/{file.name}", file) if request.POST.get("keep") else ""
    return JsonResponse({"size": file.size, "sha256": digest.hexdigest(), "kept": kept})


def stream(request, gate):
    """Begins, and goes on once the gate is there: what begins without the end has come in a stream."""

    def pieces():
        yield b"begun "
        while not (GATE / gate).exists():
            time.sleep(0.02)
        yield b"ended"

    async def async_pieces():
        yield b"begun "
        while not (GATE / gate).exists():
            await asyncio.sleep(0.02)
        yield b"ended"

    content = async_pieces() if hasattr(request, "scope") else pieces()
    # As Django's documentation of nginx says for streams: else pieces of a server without chunks wait for 4 KiB.
    return StreamingHttpResponse(content, content_type="text/plain", headers={"X-Accel-Buffering": "no"})


def open_gate(request, gate):
    (GATE / gate).touch()
    return HttpResponse(status=204)
'''
URLS: Final = """
from django.contrib import admin
from django.urls import path

from . import views

urlpatterns = [
    path("", views.page),
    path("where/", views.where),
    path("admin/", admin.site.urls),
    path("echo/", views.echo),
    path("echo/<path:rest>", views.echo),
    path("upload/", views.upload),
    path("stream/<str:gate>/", views.stream),
    path("gate/<str:gate>/", views.open_gate),
]
"""
ASGI: Final = """
import os

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
django_application = get_asgi_application()


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data=text_data, bytes_data=bytes_data)


application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(URLRouter([path("socket/", Echo.as_asgi())])),
    }
)
"""


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.read(name)
        assert old in text
        self.write(name, text.replace(old, new))

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=environment(**more),
            capture_output=True,
            text=True,
            check=False,
        )

    def manage(self, *arguments: str, **more: str) -> str:
        """What it says on both outputs. It has to succeed."""
        done = self.run(*arguments, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def deploy(self, *arguments: str, output: str = "deploy") -> Path:
        """The folder with what was generated."""
        self.manage("gatewaydeploy", *arguments, "--output", output)
        return self.folder / output


def fresh(folder: Path) -> Project:
    """``startproject``, with the one line that makes gatewaydeploy known."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "django", "startproject", "mysite", str(folder)]
    subprocess.run(command, check=True, env=environment())
    project = Project(folder)
    project.edit("mysite/settings.py", "INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'django_gateway',")
    return project


def complete(folder: Path) -> Project:
    """With everything that ``requests`` asks, ready to be served in both modes."""
    project = fresh(folder)
    project.write("mysite/settings.py", project.read("mysite/settings.py") + SETTINGS)
    project.write("mysite/asgi_settings.py", "from .settings import *\n" + ASGI_SETTINGS)
    project.write("mysite/views.py", VIEWS)
    project.write("mysite/urls.py", URLS)
    project.write("mysite/asgi.py", ASGI)
    project.write("assets/style.css", "body { color: rebeccapurple }\n" * 100)
    # Under mod_wsgi the project runs as whoever runs Apache.
    for name in ("media", "media/gates", "media/uploads"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    project.manage("migrate", "--verbosity", "0")
    project.manage("collectstatic", "--noinput", "--verbosity", "0")
    return project


def debians_environment(folder: Path) -> Path | None:
    """A virtual environment of Debian's Python, which is mod_wsgi's, with the packages of the one in use. None where
    that is another version of Python."""
    python = Path("/usr/bin/python3")
    version = "{}.{}".format(*sys.version_info[:2])
    if not python.exists() or python.resolve().name != f"python{version}":
        return None
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    packages = folder / "lib" / f"python{version}" / "site-packages"
    (packages / "others.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path) + "\n")
    (packages / "ours.pth").write_text(f"{Path(__file__).parents[2]}\n")
    return folder


@contextmanager
def place(name: str = HOSTILE) -> Iterator[Path]:
    """A folder with that name which everybody may enter, as a web server does, and with a short way to it: the path of
    a Unix socket has 107 bytes."""
    top = Path(tempfile.mkdtemp(prefix="gd-"))
    top.chmod(0o755)
    try:
        (top / name).mkdir()
        yield top / name
    finally:
        shutil.rmtree(top, ignore_errors=True)
