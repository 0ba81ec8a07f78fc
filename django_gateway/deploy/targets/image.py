"""What container images of a project are made of: shared by docker and kubernetes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import django
import msgspec

from ..plan import Plan
from ..servers import SERVERS, command
from ..values import Address, Certificate, Folder, Front, Upstream
from .environment import variables

_ROOT: Final = "/srv/app"
_NGINX: Final = "1.28"
_SECRET: Final = re.compile(r"SECRET|KEY|TOKEN|PASSWORD")
_DEPENDENCIES: Final = (
    "import subprocess, sys, tomllib; "
    "wanted = tomllib.load(open('pyproject.toml', 'rb'))['project'].get('dependencies') or ['pip']; "
    "subprocess.check_call([sys.executable, '-m', 'pip', 'install', *wanted])"
)


def image(plan: Plan) -> dict[str, Any]:
    server, project, options = plan.server, plan.project, plan.options
    name = options.image or server.name
    label = server.name.replace("_", "-").strip("-")
    services = {service: service not in options.without for service in ("postgresql", "redis")}
    media = _inside(plan, project.media_root) if project.media_url else ""
    static = next((folder for folder in plan.front.folders if not folder.uploaded), None)
    names = variables(plan)
    requirements = _requirements(project.base)
    packages = [SERVERS[server.kind].requirement]
    packages += ["psycopg[binary]"] if services["postgresql"] else []
    packages += ["channels-redis" if server.interface == "asgi" else "redis"] if services["redis"] else []
    pyproject = not requirements and (project.base / "pyproject.toml").exists()
    if not requirements and not pyproject:
        packages.insert(0, f"django=={django.get_version()}")
    return {
        **services,
        "name": name,
        "app_name": f"{name}:latest",
        "web_name": f"{name}-web:latest",
        "project": label,
        "nginx_map": f"{label}-nginx",
        "tls_secret": f"{label}-tls",
        "media_claim": f"{label}-media",
        "migrate": f"{label}-migrate",
        "database": server.name.replace("-", "_"),
        "folder": server.folder or ".",
        "python": options.python_version or "{}.{}".format(*sys.version_info[:2]),
        "nginx": _NGINX,
        "requirements": requirements,
        "requirements_json": _copy("requirements.txt", "./") if requirements == "alone" else _copy(".", "."),
        "install_json": json.dumps(["pip", "install", "--requirement", "requirements.txt"]),
        "pyproject": pyproject,
        "pyproject_json": _copy("pyproject.toml", "./"),
        "dependencies_json": json.dumps(["python", "-c", _DEPENDENCIES]),
        "packages_json": json.dumps(["pip", "install", *packages]),
        "static_environment": " ".join(
            f"{name}=unused" for name in dict.fromkeys(["SECRET_KEY", *filter(_SECRET.search, names)])
        ),
        "command_json": json.dumps(command(server, relative=True)),
        "folders_json": json.dumps(["install", "--directory", "--owner=app", media]),
        "static": static is not None,
        "static_json": _copy(_inside(plan, project.static_root, static), "/srv/static/"),
        "nginx_json": _copy(_below(server.folder, "docker/nginx.conf"), "/etc/nginx/conf.d/default.conf"),
        "context": "/".join([".."] * server.depth),
        "dockerfile": _below(server.folder, "docker/Dockerfile"),
        "media": media,
        "media_path": media,
        "media_app": f"media:{media}",
        "media_web": "media:/srv/media:ro",
        "variables": [name for name in names if name not in _given(services)],
        "health": options.health,
        "host": plan.front.server_names[0].removeprefix("."),
        "hosts": [
            name for host in plan.front.server_names for name in ([host[1:], f"*{host}"] if host[0] == "." else [host])
        ],
        "replicas": 2,
        "ingress_timeout": plan.front.timeout + 5,
    }


def in_compose(plan: Plan) -> Front:
    """nginx in a container beside the application's: ports above 1024, since it is nobody's root."""
    tls = plan.front.tls
    here = "/etc/nginx/certificates"
    return msgspec.structs.replace(
        plan.front,
        listen=(Address(8443 if tls else 8080),),
        redirect=(Address(8080),) if tls else (),
        certificate=Certificate(f"{here}/fullchain.pem", f"{here}/privkey.pem") if tls else None,
        http2_directive=True,
        upstreams=(Upstream(address=Address(8000, "app")),),
        folders=_folders(plan.front),
    )


def in_pod(plan: Plan) -> Front:
    """nginx in the application's pod, behind an Ingress that ends TLS and comes from the cluster's own networks."""
    return msgspec.structs.replace(
        plan.front,
        listen=(Address(8080),),
        redirect=(),
        tls=False,
        certificate=None,
        upstreams=(Upstream(address=Address(8000, "127.0.0.1")),),
        folders=_folders(plan.front),
        trusted=plan.front.trusted or ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"),
    )


def _folders(front: Front) -> tuple[Folder, ...]:
    return tuple(
        msgspec.structs.replace(folder, path="/srv/media" if folder.uploaded else "/srv/static")
        for folder in front.folders
    )


def _inside(plan: Plan, path: Path | None, folder: Folder | None = None) -> str:
    """Where a path of this machine is in the image."""
    if path is None:
        return folder.path.replace(plan.server.root, _ROOT, 1) if folder else ""
    base = plan.project.base
    return str(Path(_ROOT) / path.relative_to(base)) if path.is_relative_to(base) else str(path)


def _below(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _copy(source: str, target: str) -> str:
    """COPY's arguments: JSON, in which Docker still looks for variables."""
    return json.dumps([part.replace("$", "\\$") for part in (source, target)])


def _requirements(base: Path) -> str:
    """Whether there is a requirements.txt: "alone", or "with others" where it names other files."""
    try:
        lines = (base / "requirements.txt").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return "with others" if any(re.match(r"\s*(-|\.|/|file:)", line) for line in lines) else "alone"


def _given(services: dict[str, bool]) -> set[str]:
    """Variables that compose.yaml and the ConfigMap set themselves."""
    given = {"POSTGRES_HOST", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"} if services["postgresql"] else set()
    return given | ({"REDIS_URL"} if services["redis"] else set())
