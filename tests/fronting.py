"""A small site served with ``--behind``, and what its store knows of the requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django_gateway.document import document
from django_gateway.stores import Capacity, Store, open_store
from serving import Serving, Site, until

VIEWS = """
import hashlib
import json
import os
import time

from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt


def sleep(request):
    open("begun", "w").close()
    time.sleep(float(request.GET["seconds"]))
    return HttpResponse("slept")


def big(request):
    return HttpResponse(b"x" * 3_000_000, content_type="application/octet-stream")


def told(request):
    names = ("HTTP_HOST", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST",
             "HTTP_X_REQUEST_ID", "HTTP_X_REQUEST_START")
    return JsonResponse({name: request.META.get(name) for name in names})


@csrf_exempt
def digest(request):
    digest = hashlib.sha256()
    while chunk := request.read(65536):
        digest.update(chunk)
    return HttpResponse(digest.hexdigest())
"""


def make(folder: Path) -> Site:
    site = Site(folder).with_sockets()
    site.write("mysite/more.py", VIEWS)
    site.write(
        "mysite/urls.py",
        site.read("mysite/urls.py")
        + "\nfrom . import more\n"
        + "urlpatterns += [path(f'{v.__name__}/', v) for v in (more.sleep, more.big, more.told, more.digest)]\n",
    )
    site.write("assets/site.css", "body { color: black }")
    site.write("uploads/photo.txt", "a photo")
    site.settings(
        "STATICFILES_DIRS = [BASE_DIR / 'assets']\nMEDIA_URL = '/media/'\nMEDIA_ROOT = BASE_DIR / 'uploads'\n"
        "DATA_UPLOAD_MAX_MEMORY_SIZE = None"
    )
    return site


class Fronted(Serving):
    def __init__(
        self, site: Site, proxy: str, *arguments: str, server: str = "uvicorn", panel: bool = False, **more: str
    ) -> None:
        super().__init__(site.folder, "--behind", proxy, "--server", server, *arguments, panel=panel, **more)
        self.proxy = proxy
        self.gateway = site.folder / ".gateway"
        self._store: Store | None = None

    @property
    def own(self) -> Path:
        """The proxy's folder."""
        return self.gateway / self.proxy

    def __enter__(self) -> Fronted:
        super().__enter__()
        self.wait_until_answered()
        return self

    def end(self, number: int) -> int:
        try:
            return super().end(number)
        finally:
            if self._store is not None:
                self._store.close()
                self._store = None

    def wait_until_answered(self) -> None:
        """Apache and Caddy bind the address themselves, a moment after the start."""

        def answers() -> bool:
            try:
                return self.request("/version/")[0] == 200
            except OSError:
                return False

        until(answers, "the proxy does not answer")

    @property
    def store(self) -> Store:
        if self._store is None:
            self._store = open_store(f"sqlite:///{self.gateway / 'exchanges.sqlite3'}", Capacity())
        return self._store

    def seen(self, path: str, which: Callable[[dict[str, Any]], bool] = lambda told: True) -> dict[str, Any]:
        """The newest exchange with this path, once the proxy has said what it saw of it."""

        def look() -> dict[str, Any] | None:
            for summary in self.store.page():
                if summary.path == path and (exchange := self.store.get(summary.id)) is not None:
                    told = document(exchange)
                    if told["proxy"] is not None and told["proxy"]["name"] == self.proxy and which(told):
                        return told
            return None

        found = until(look, f"{path} was not seen by the proxy")
        assert found is not None
        return found
