"""Panels for tests: one in the test's own process, and one in a process of its own on a real socket."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.test import Client, override_settings

from django_gateway.panel import instance
from django_gateway.stores import Store, open_store

TOKEN = "k3rH5cGx0Vw8tq7N2mZyQpLbD4sJfE1u"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ORIGIN = {"Origin": "http://localhost"}

TESTPROJECT = Path(__file__).parents[1] / "testproject"
SERVERS = {
    # One sync worker: whatever holds it holds the whole project.
    "gunicorn": ["-m", "gunicorn", "--workers", "1", "--bind", "fd://{fd}", "--no-control-socket", "testproject.wsgi"],
    "daphne": ["-m", "daphne", "--fd", "{fd}", "testproject.asgi:application"],
}


@contextmanager
def installed(store: Store, folder: Path, **changes: Any) -> Iterator[Client]:
    """The panel as its own process has it, at ``/``; the client is a program that knows the token."""
    fields: dict[str, Any] = {"hosts": frozenset(), "streams": True, "token": lambda: TOKEN, **changes}
    instance.install(instance.Instance(folder=folder, open_store=lambda: store, **fields))
    try:
        with override_settings(ROOT_URLCONF="django_gateway.panel.urls", MIDDLEWARE=[], ALLOWED_HOSTS=["*"]):
            yield Client(headers={"Host": "localhost", **BEARER})
    finally:
        instance.install(None)


def browser(headers: dict[str, str] | None = None) -> Client:
    """A client without a token, which asks for pages."""
    return Client(headers={"Host": "localhost", "Accept": "text/html", **(headers or {})})


def signed_in(headers: dict[str, str] | None = None, path: str = "/") -> Client:
    client = browser(headers)
    assert client.get(f"{path}?token={TOKEN}").status_code == 303
    return client


class PanelProcess:
    """``python -m django_gateway.panel`` on a free port of the loopback."""

    def __init__(self, folder: Path, *arguments: str, token: str | None = TOKEN, **options: Any) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'exchanges.sqlite3'}"
        self.store = open_store(self.url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")}
        if token is not None:
            environment["GATEWAY_PANEL_TOKEN"] = token
        descriptor = self._listener.fileno()
        command = ["-m", "django_gateway.panel", "--fd", str(descriptor), "--store", self.url, *arguments]
        self.command = [sys.executable, "-W", "error", *command]
        self.log = folder / "panel.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, pass_fds=[descriptor], env=environment, cwd=folder, stdout=log, stderr=log, **options
            )

    def link(self, path: str = "/", **query: str) -> str:
        return f"{self.address}{path}?{urlencode({**query, 'token': TOKEN})}"

    def close(self) -> None:
        self._listener.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        self.store.close()

    def __enter__(self) -> PanelProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MountedPanel:
    """The test project under a server of its own choice, the panel at ``/__gateway__/``."""

    def __init__(self, server: str, folder: Path, **environment: str) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        descriptor = self._listener.fileno()
        argv = [part.format(fd=descriptor) for part in SERVERS[server]]
        self.process = subprocess.Popen(
            [sys.executable, *argv],
            pass_fds=[descriptor],
            cwd=TESTPROJECT,
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")},
                "DJANGO_SETTINGS_MODULE": "testproject.settings",
                "DJANGO_ALLOWED_HOSTS": "*",
                "GATEWAY_ENABLED": "1",
                "GATEWAY_FOLDER": str(folder),
                "GATEWAY_PANEL_TOKEN": TOKEN,
                **environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def close(self) -> None:
        self._listener.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
