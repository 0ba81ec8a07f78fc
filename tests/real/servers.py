"""Servers as people start them themselves, without gatewayserve: only the app in INSTALLED_APPS is there."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from serving import DEADLINE, until

from .projects import Project

#: What follows the interpreter. ``{fd}`` is a socket that listens already.
COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "runserver": ("manage.py", "runserver", "127.0.0.1:0"),
    "gunicorn": (
        *("-m", "gunicorn", "--bind", "fd://{fd}", "--workers", "2", "--threads", "2", "--no-control-socket"),
        "mysite.wsgi",
    ),
    "uvicorn": ("-m", "uvicorn", "--fd", "{fd}", "mysite.asgi:application"),
    "daphne": ("-m", "daphne", "--fd", "{fd}", "mysite.asgi:application"),
}

#: The interface, and what the server calls itself.
NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "runserver": ("wsgi", "WSGIServer"),
    "gunicorn": ("wsgi", "gunicorn"),
    "uvicorn": ("asgi", "uvicorn"),
    "daphne": ("asgi", "daphne"),
}


@contextmanager
def serving_with(server: str, project: Project, environment: Mapping[str, str]) -> Iterator[str]:
    """The address at which the server answers. Ends it, and everything it has started, with an interrupt."""
    log = project.folder / f"{server}.log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        descriptor = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, *(part.format(fd=descriptor) for part in COMMANDS[server])],
            cwd=project.folder,
            env=dict(environment),
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        port = listener.getsockname()[1]
    try:
        if server == "runserver":
            found = until(lambda: re.search(r"server at http://127.0.0.1:(\d+)/", log.read_text()), log.read_text())
            assert found
            port = int(found[1])
        yield f"http://127.0.0.1:{port}/"
    except BaseException:
        print(log.read_text())
        raise
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(DEADLINE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
