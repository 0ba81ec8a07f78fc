"""What gatewaydeploy can generate: one module a target, and their registry."""

from __future__ import annotations

from typing import Final

from . import apache, caddy, docker, kubernetes, nginx, procfile, servers, systemd
from .base import File, Target

__all__ = ["TARGETS", "File", "Target"]

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (
        nginx.target,
        apache.mod_proxy,
        apache.mod_wsgi,
        caddy.target,
        *servers.targets,
        systemd.target,
        docker.target,
        kubernetes.target,
        procfile.target,
    )
}
