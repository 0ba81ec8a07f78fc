"""Images of the application and of its nginx, and a composition with what both need."""

from __future__ import annotations

from .. import fronts
from ..plan import Plan
from ..rendering import render
from ..servers import SERVERS
from .base import File, Target
from .image import image, in_compose

_OPENING = (
    "nginx in the container in front of the application's: it ends TLS, serves files, waits for slow clients.",
    'The Dockerfile puts it into the image "web", as /etc/nginx/conf.d/default.conf.',
)


def _files(plan: Plan) -> list[File]:
    front = in_compose(plan)
    values = {"server": plan.server, "title": SERVERS[plan.server.kind].title, "image": image(plan), "front": front}
    return [
        File("docker/Dockerfile", render("docker/Dockerfile", values)),
        File("docker/compose.yaml", render("docker/compose.yaml", values)),
        File("docker/compose.env.example", render("docker/compose.env.example", values)),
        # The port inside the container is not the one that clients know.
        File("docker/nginx.conf", fronts.nginx_site(front, {"opening": _OPENING, "https_port": 0})),
    ]


target = Target(
    name="docker",
    summary="A Dockerfile, and a compose file with nginx, the application, PostgreSQL and Redis.",
    files=_files,
)
