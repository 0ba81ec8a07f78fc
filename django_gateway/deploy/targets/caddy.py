"""Caddy in front of one or more application servers."""

from __future__ import annotations

from .. import fronts
from ..plan import Plan
from .base import File, Target


def _files(plan: Plan) -> list[File]:
    return [File("caddy/Caddyfile", fronts.caddy_site(plan.front, {"file": "Caddyfile"}))]


target = Target(
    name="caddy",
    summary="Caddy in front: it orders and renews certificates itself; HTTP/2 and 3, static files.",
    files=_files,
)
