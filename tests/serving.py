"""Small projects, and gatewayserve run on them as a person runs it: a process with a terminal's worth of output."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psutil

DEADLINE = 60.0
T = TypeVar("T")


def until(condition: Callable[[], T], what: str = "it did not happen") -> T:
    """What ``condition`` returns once it is true."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return found


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
        text = self.read(name)
        assert old in text
        self.write(name, text.replace(old, new))

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


class Serving:
    """``manage.py gatewayserve``, from its start to its end; leaving the context ends it with Control-C's signal."""

    def __init__(self, folder: Path, *arguments: str, port: str = "0", panel: bool = False, **more: str) -> None:
        self.command = [sys.executable, "manage.py", "gatewayserve", *([port] if port else []), *arguments]
        if not panel:
            self.command.append("--nopanel")
        if "--" in arguments:
            self.command.remove("--nopanel")
            self.command.insert(3, "--nopanel")
        self.folder = folder
        self.environment = environment(**more)
        self.output = ""
        self.process: subprocess.Popen[str] | None = None
        self._family: list[psutil.Process] = []

    def __enter__(self) -> Serving:
        self.start()
        self.wait_for("Quit with CONTROL-C.")
        return self

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.output += line

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.output)
        self.end(signal.SIGINT)

    def wait_for(self, text: str, times: int = 1) -> None:
        def seen() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                self._reader.join(5)
                assert self.output.count(text) >= times, self.output
            return self.output.count(text) >= times

        until(seen, f"{text!r} was not said")

    def family(self) -> list[psutil.Process]:
        """Its children and theirs; remembered, so that what outlives it is found."""
        assert self.process is not None
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                if child not in self._family:
                    self._family.append(child)
        return [child for child in self._family if alive(child)]

    def end(self, number: int) -> int:
        """Send a signal, and return the exit code once it and all of its children are gone."""
        assert self.process is not None
        self.family()
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            code = self.process.wait(DEADLINE)
            until(lambda: not self.family(), f"children are left: {self.family()}")
        finally:
            for child in self._family:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            self.process.kill()
        self._reader.join(5)
        return code

    def _address(self, name: str) -> str:
        found = re.search(rf"^ *{name} +(\S+)", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]

    @property
    def url(self) -> str:
        return self._address("Project")

    @property
    def panel_url(self) -> str:
        return self._address("Panel")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE)

    def request(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        connection = self.connect()
        try:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def get(self, path: str) -> str:
        status, body = self.request(path)
        assert status == 200, (status, body)
        return body


def listens(serving: Serving) -> bool:
    """Whether the address can be connected to. Apache binds it itself, a moment after the start."""
    try:
        with socket.create_connection((serving.host, serving.port)):
            return True
    except ConnectionRefusedError:
        return False


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Stream:
    """Requests one after another, each on a connection of its own, from several threads; nothing may go wrong."""

    def __init__(self, serving: Serving, path: str, threads: int = 4) -> None:
        self._serving = serving
        self._path = path
        self._stop = threading.Event()
        self.answers: list[tuple[float, str]] = []
        self.errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self) -> None:
        while not self._stop.is_set():
            sent = time.monotonic()
            try:
                self.answers.append((sent, self._serving.get(self._path)))
            except BaseException as error:
                self.errors.append(error)

    def __enter__(self) -> Stream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(DEADLINE)
        assert self.errors == []

    def has(self, answer: str, times: int) -> bool:
        return self.count(answer) >= times

    def count(self, answer: str) -> int:
        return sum(1 for _, text in self.answers if text == answer)


@contextmanager
def open_request(serving: Serving, path: str) -> Iterator[http.client.HTTPResponse]:
    """A response whose head has come and whose body has not been read."""
    connection = serving.connect()
    try:
        connection.request("GET", path)
        yield connection.getresponse()
    finally:
        connection.close()
