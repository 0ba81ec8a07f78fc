"""Projects that nobody here wrote go into production: files from gatewaydeploy, and in their settings the lines that it
advises, and nothing else."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy import fronts
from deploy.processes import accepts, exec_start, free_port, running
from deploy.projects import place
from real import journeys
from real.projects import Project, fresh_django, fresh_wagtail
from real.visitor import Visitor

SECRET = {"DJANGO_SECRET_KEY": "aB3dE5gH7" * 8}


@contextmanager
def in_production(
    project: Project, settings: str, lines: Path, front: str, server: str, *options: str
) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The address, and what to trust. ``lines`` is the settings file that takes what is advised."""
    port, redirect = free_port(), free_port()
    top = project.folder.parent
    certificate = fronts.Certificate(fronts.own_folder(top, "tls"))
    socket = top / "http.sock"
    variables = {**SECRET, "DJANGO_SETTINGS_MODULE": settings}
    arguments = [
        *("gatewaydeploy", front, server, "systemd", *options, "--socket", str(socket), *certificate.options),
        *("--host", "localhost", "--listen", f"127.0.0.1:{port}", "--redirect", f"127.0.0.1:{redirect}"),
    ]
    told = project.manage_both(*arguments, "--dry-run", **variables)
    advised = re.findall(r"^[A-Z_]+: .*\n    (.*)$", told, re.MULTILINE)
    assert advised
    with lines.open("a", encoding="utf-8") as file:
        file.write("\nimport os\n" + "\n".join(advised) + "\n")
    # Nothing is left to advise.
    assert set(re.findall(r"^\w+", project.manage_both(*arguments, **variables), re.MULTILINE)) == {"written"}
    assert "wrong" not in project.manage("gatewaydeploy", "--check", **variables)
    project.manage("collectstatic", "--noinput", "--verbosity", "0", **variables)
    # The proxy redirects to HTTPS (W008); subdomains and preloading (W005, W021) are for the domain's owner to decide.
    warned = set(re.findall(r"security\.W\d+", project.manage_both("check", "--deploy", **variables)))
    assert warned <= {"security.W005", "security.W008", "security.W021"}
    deploy = project.folder / "deploy"
    own = fronts.own_folder(top, "front")
    with ExitStack() as stack:
        unit = (deploy / "systemd" / "mysite.service").read_text(encoding="utf-8")
        process = stack.enter_context(
            running(exec_start(unit), top / "server.log", cwd=project.folder, variables=variables)
        )
        process.until(lambda: accepts(str(socket)), "the server does not listen")
        if front == "nginx":
            stack.enter_context(fronts.nginx(deploy / "nginx" / "mysite.conf", own, port))
        else:
            stack.enter_context(fronts.apache(deploy / "apache" / "mysite.conf", own, port, redirect))
        yield f"https://localhost:{port}", ssl.create_default_context(cafile=str(certificate.authority))


@contextmanager
def made(make: Callable[[Path], Project]) -> Iterator[Project]:
    with place("real") as folder:
        yield make(folder / "site")


@pytest.mark.parametrize(
    ("front", "server", "mode"), [("nginx", "gunicorn", "--wsgi"), ("apache", "uvicorn", "--asgi")]
)
def test_startproject_in_production(front: str, server: str, mode: str) -> None:
    with made(fresh_django) as project:
        lines = project.folder / "mysite" / "production.py"
        lines.write_text("from .settings import *\n", encoding="utf-8")
        with in_production(project, "mysite.production", lines, front, server, mode) as (url, trusted):
            with Visitor(url, trusted) as visitor:
                journeys.browse_django(visitor, debug=False)
            assert_safe(visitor)


@pytest.mark.slow
def test_wagtail_in_production() -> None:
    with made(fresh_wagtail) as project:
        # Where Wagtail's own template looks for what differs from one server to the next.
        lines = project.folder / "mysite" / "settings" / "local.py"
        with in_production(project, "mysite.settings.production", lines, "nginx", "gunicorn") as (url, trusted):
            with Visitor(url, trusted) as visitor:
                journeys.browse_wagtail(visitor)
            assert_safe(visitor)
            shown = [visit for visit in visitor.visits if visit.path.startswith("/media/")]
            # nginx served it, and not a view.
            assert shown
            assert all("content-security-policy" in visit.headers for visit in shown)


def assert_safe(visitor: Visitor) -> None:
    for visit in visitor.visits:
        assert {"strict-transport-security", "x-content-type-options"} <= set(visit.headers), visit
