"""A Deployment with its Service, Ingress and probes."""

from __future__ import annotations

from .. import fronts
from ..plan import Plan
from ..rendering import render
from .base import File, Target
from .image import image, in_pod


def _files(plan: Plan) -> list[File]:
    values = {
        "server": plan.server,
        "image": image(plan),
        "front": plan.front,
        "nginx": fronts.nginx_site(in_pod(plan)),
    }
    return [File("kubernetes/application.yaml", render("kubernetes/application.yaml", values))]


target = Target(
    name="kubernetes",
    summary="Kubernetes: Deployment with nginx beside the application, Service, Ingress, probes, a migration job.",
    files=_files,
)
