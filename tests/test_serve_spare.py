"""A worker program by itself: what it says to its supervisor, and a spare that never serves stale code."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from django_gateway.supervisor.preload import Preload
from django_gateway.workers.environment import CANNOT_LOAD, CHANNEL, SPARE
from serving import DEADLINE, Serving, Site, environment, until

PROGRAMS = ["django_wsgi", "daphne"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


class Worker:
    """A worker as its supervisor sees it."""

    def __init__(self, site: Site, program: str, **more: str) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(DEADLINE)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"django_gateway.workers.{program}", "--fd", str(self.listener.fileno())],
                cwd=site.folder,
                env=environment(DJANGO_SETTINGS_MODULE="mysite.settings", **{CHANNEL: str(theirs.fileno())}, **more),
                pass_fds=[self.listener.fileno(), theirs.fileno()],
            )
        self.client = Serving(site.folder)
        self.client.output = f"Project http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def send(self, kind: str, **what: Any) -> None:
        self.channel.send(json.dumps({"kind": kind, **what}).encode())

    def hear(self, kind: str) -> dict[str, Any]:
        """The next message of that kind."""
        while True:
            message: dict[str, Any] = json.loads(self.channel.recv(1 << 17))
            if message["kind"] == kind:
                return message


@contextmanager
def worker(site: Site, program: str, **more: str) -> Iterator[Worker]:
    started = Worker(site, program, **more)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()
        started.channel.close()
        started.listener.close()


def modules_of(site: Site, program: str) -> dict[str, str | None]:
    with worker(site, program) as one:
        one.hear("serving")
        assert one.client.get("/version/") == "one"
        files: dict[str, str | None] = {}
        while "mysite.urls" not in files:
            files |= one.hear("modules")["files"]
        return files


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_imported_ahead_leaves_the_settings_alone(site: Site, program: str) -> None:
    chosen = Preload().choose(modules_of(site, program))
    assert {"django.db.models", "django.template.engine", "json"} <= set(chosen)
    assert not [name for name in chosen if name.startswith(("mysite", "django_gateway.apps", "django.contrib."))]
    with worker(site, program, **{SPARE: "1"}) as spare:
        spare.send("preload", modules=chosen)
        message = json.loads(spare.channel.recv(1 << 17))
        assert message["kind"] == "warm", message
        assert message["modules"] > len(chosen)
        spare.send("go")
        spare.hear("serving")
        assert spare.client.get("/version/") == "one"


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_changed_since_it_was_imported_ahead_is_imported_again(site: Site, program: str, tmp_path: Path) -> None:
    library = tmp_path / "library.py"
    library.write_text("WORD = 'old'\n")
    site.edit("mysite/views.py", 'VERSION = "one"', "from library import WORD as VERSION")
    with worker(site, program, PYTHONPATH=str(tmp_path), **{SPARE: "1"}) as spare:
        spare.send("preload", modules=["library"])
        spare.hear("warm")
        library.write_text("WORD = 'brand new'\n")
        spare.send("go")
        spare.hear("serving")
        assert spare.client.get("/version/") == "brand new"


def test_a_module_that_asks_for_the_settings_makes_it_unfit(site: Site, tmp_path: Path) -> None:
    """Also one that catches what it gets, and would keep a default for good."""
    text = "from django.conf import settings\ntry:\n    WORD = settings.WORD\nexcept Exception:\n    WORD = 'default'\n"
    (tmp_path / "library.py").write_text(text)
    site.settings("WORD = 'mine'")
    site.edit("mysite/views.py", 'VERSION = "one"', "from library import WORD as VERSION")
    with worker(site, "django_wsgi", PYTHONPATH=str(tmp_path), **{SPARE: "1"}) as spare:
        spare.send("preload", modules=["library"])
        unfit = spare.hear("unfit")
        assert (unfit["module"], unfit["reason"]) == ("library", "WORD")
        spare.send("go")
        spare.hear("serving")
        assert spare.client.get("/version/") == "mine"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("warm", [True, False])
def test_it_ends_when_the_supervisor_does(site: Site, program: str, warm: bool) -> None:
    with worker(site, program, **({SPARE: "1"} if warm else {})) as one:
        if warm:
            one.send("preload", modules=["json"])
            one.hear("warm")
        else:
            one.hear("serving")
        one.channel.close()
        assert one.process.wait(DEADLINE) == 0


def test_why_the_project_can_not_be_loaded(site: Site) -> None:
    site.edit("mysite/urls.py", "from . import views", "from . import nothing_like_it")
    with worker(site, "django_wsgi") as one:
        failed = one.hear("failed")
        assert failed["title"].startswith("ImportError: cannot import name 'nothing_like_it' from 'mysite'")
        assert failed["text"].count("File ") == 1
        assert "mysite/urls.py" in failed["text"]
        assert one.process.wait(DEADLINE) == CANNOT_LOAD


def test_models_before_django_is_set_up(site: Site) -> None:
    site.edit("mysite/wsgi.py", "import os", "import os\nimport django.contrib.auth.models")
    with worker(site, "django_wsgi") as one:
        assert "before get_wsgi_application() or get_asgi_application() has set Django up" in one.hear("failed")["text"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_told_to_end_it_leaves_what_waits_to_the_next(site: Site, program: str) -> None:
    with worker(site, program) as one:
        one.hear("serving")
        one.client.get("/version/")
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(DEADLINE) == 0
        # Nobody accepts now: the connection waits in the backlog of the socket, which is still open.
        connection = one.client.connect()
        connection.request("GET", "/version/")
        one.listener.setblocking(True)
        one.listener.settimeout(DEADLINE)
        accepted, _ = one.listener.accept()
        assert accepted.recv(4096).startswith(b"GET /version/")
        accepted.close()
        connection.close()


def test_by_hand_without_a_supervisor(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        process = subprocess.Popen(
            [sys.executable, "-m", "django_gateway.workers.django_wsgi", "--fd", str(listener.fileno())],
            cwd=site.folder,
            env=environment(DJANGO_SETTINGS_MODULE="mysite.settings"),
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        client = Serving(site.folder)
        client.output = f"Project http://127.0.0.1:{listener.getsockname()[1]}/"
        try:
            assert client.get("/version/") == "one"
            assert process.stderr is not None
            said = ""

            def noticed() -> bool:
                nonlocal said
                said += os.read(process.stderr.fileno(), 4096).decode() if process.stderr else ""
                return "unapplied migration" in said

            until(noticed)
        finally:
            process.terminate()
            assert process.wait(DEADLINE) == 0
            process.stderr.close() if process.stderr else None
