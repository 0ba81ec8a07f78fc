"""A hardened service, and the socket that systemd opens for it."""

from __future__ import annotations

from typing import Any

from ..plan import Plan
from ..quoting import systemd_argument, systemd_word
from ..rendering import render
from ..servers import SERVERS, command
from .base import File, Target
from .environment import variables


def _files(plan: Plan) -> list[File]:
    server = plan.server
    values = {"server": server, "unit": _unit(plan)}
    found = [
        File(f"systemd/{server.name}.service", render("systemd/service.service", values)),
        File(f"systemd/{server.name}.env", render("systemd/environment.env", values)),
    ]
    if SERVERS[server.kind].activation:
        found.append(File(f"systemd/{server.name}.socket", render("systemd/socket.socket", values)))
    return found


def _unit(plan: Plan) -> dict[str, Any]:
    server, kind = plan.server, SERVERS[plan.server.kind]
    program, *arguments = command(server)
    runtime = server.bind.path.startswith(f"/run/{server.name}/") and not kind.activation
    return {
        "title": kind.title,
        "socket": kind.activation,
        "notify": kind.notify,
        "reload": kind.reload,
        "user": plan.options.user or server.name,
        "proxy_group": plan.options.proxy_group,
        "environment": f"/etc/{server.name}/environment",
        # systemd does not look for variables in the program's own path.
        "command": " ".join([systemd_word(program), *(systemd_argument(part) for part in arguments)]),
        "runtime": server.name if runtime else "",
        "writable": [f"-{path}" for path in _writable(plan)],
        "home": server.root.startswith(("/home/", "/root/")) or server.venv.startswith(("/home/", "/root/")),
        "variables": variables(plan),
    }


def _writable(plan: Plan) -> list[str]:
    """Where the project writes: uploads, and the folders of SQLite's files, which get a journal beside them."""
    paths = [plan.moved(plan.project.media_root)]
    for engine, name in plan.project.databases:
        if "sqlite" in engine or "spatialite" in engine:
            paths.append(plan.moved((plan.project.base / name).parent))
    if not SERVERS[plan.server.kind].activation and plan.server.bind.path:
        paths.append(plan.server.bind.path.rpartition("/")[0])
    return list(dict.fromkeys(path for path in paths if path and path != f"/run/{plan.server.name}"))


target = Target(
    name="systemd",
    summary="A systemd service with hardening, and the socket that is open while it restarts.",
    files=_files,
)
