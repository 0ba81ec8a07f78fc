"""nginx in front of one or more application servers."""

from __future__ import annotations

from .. import fronts
from ..plan import Plan
from .base import File, Target


def _files(plan: Plan) -> list[File]:
    name = f"{plan.front.name}.conf"
    acme = [host for host in plan.front.server_names if not host.startswith(".")]
    return [File(f"nginx/{name}", fronts.nginx_site(plan.front, {"file": name, "acme": acme}))]


target = Target(
    name="nginx",
    summary="nginx in front: TLS, HTTP/2, static files, slow clients; one or several application servers behind it.",
    files=_files,
)
