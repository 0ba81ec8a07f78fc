"""The application servers: each is a target of its own, with the file that configures it."""

from __future__ import annotations

from .. import servers
from ..plan import Plan
from .base import File, Target

_SUMMARIES = {
    "gunicorn": "Gunicorn: worker processes with threads for WSGI, with an event loop for ASGI.",
    "uvicorn": "uvicorn: an event loop in each process, WebSockets (ASGI).",
    "daphne": "Daphne: Channels' own server, one process, WebSockets (ASGI); takes no socket from systemd.",
    "hypercorn": "Hypercorn: an event loop in each process, WebSockets (ASGI).",
    "granian": "Granian: HTTP in Rust, for WSGI and ASGI; takes no socket from systemd.",
    "uwsgi": "uWSGI: worker processes with threads (WSGI).",
}


def files(plan: Plan) -> list[File]:
    kind = servers.SERVERS[plan.server.kind]
    return [File(f"{kind.name}/{kind.file}", servers.config(plan.server))]


targets = [Target(name=name, summary=_SUMMARIES[name], files=files) for name in servers.SERVERS]
