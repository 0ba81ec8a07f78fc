"""Each server and each proxy, from generated files, in a folder whose name is full of shell characters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from deploy import fronts
from deploy.processes import accepts, exec_start, free_port, running
from deploy.projects import Project, complete, debians_environment, place
from deploy.requests import Site, ask_everything


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with place() as folder:
        yield complete(folder)


@pytest.fixture(scope="module")
def certificate(project: Project) -> fronts.Certificate:
    # nginx would look for a variable in the path of a certificate: $ is refused there, in one line.
    folder = project.folder.parent / "t & 's #1;"
    folder.mkdir()
    return fronts.Certificate(folder)


@contextmanager
def deployed(
    project: Project, certificate: fronts.Certificate, front: str, server: str, interface: str
) -> Iterator[Site]:
    """Generated, and started as the generated files say."""
    port, redirect = free_port(), free_port()
    name = f"{front}-{server}-{interface}"
    socket = project.folder.parent / f"{name} $s&.sock"
    output = project.folder / "deploy $x" / name
    settings = f"mysite.{'asgi_' if interface == 'asgi' else ''}settings"
    options = ["--listen", f"127.0.0.1:{port}", "--redirect", f"127.0.0.1:{redirect}", "--host", "localhost"]
    targets = (front, server, "systemd") if server != "mod_wsgi" else (server,)
    if server == "mod_wsgi":
        environment = debians_environment(project.folder.parent / "v 'env'")
        if environment is None:
            pytest.skip("mod_wsgi is for another Python")
        options += ["--venv", str(environment)]
    arguments = [*targets, f"--{interface}", "--output", str(output), "--socket", str(socket)]
    project.manage("gatewaydeploy", *arguments, *options, *certificate.options, DJANGO_SETTINGS_MODULE=settings)
    own = fronts.own_folder(project.folder.parent, f"{name} & 'own'")
    with ExitStack() as stack:
        if server != "mod_wsgi":
            unit = (output / "systemd" / "mysite.service").read_text(encoding="utf-8")
            log = output / "server.log"
            process = stack.enter_context(
                running(exec_start(unit), log, cwd=project.folder, variables={"DJANGO_SETTINGS_MODULE": settings})
            )
            process.until(lambda: accepts(str(socket)), "the server does not listen")
        if front == "nginx":
            stack.enter_context(fronts.nginx(output / "nginx" / "mysite.conf", own, port))
        elif front == "caddy":
            stack.enter_context(fronts.caddy(output / "caddy" / "Caddyfile", own, port))
        else:
            stack.enter_context(fronts.apache(output / front / "mysite.conf", own, port, redirect))
        yield Site(port, certificate.authority, redirect=redirect)


CHAINS = [
    ("nginx", "gunicorn", "wsgi"),
    ("nginx", "gunicorn", "asgi"),
    ("nginx", "uvicorn", "asgi"),
    ("nginx", "daphne", "asgi"),
    ("nginx", "hypercorn", "asgi"),
    ("nginx", "granian", "wsgi"),
    ("nginx", "granian", "asgi"),
    ("nginx", "uwsgi", "wsgi"),
    ("apache", "gunicorn", "wsgi"),
    ("apache", "uvicorn", "asgi"),
    ("apache", "uwsgi", "wsgi"),
    ("mod_wsgi", "mod_wsgi", "wsgi"),
    ("caddy", "gunicorn", "wsgi"),
    ("caddy", "uvicorn", "asgi"),
    ("caddy", "uwsgi", "wsgi"),
]


@pytest.mark.parametrize(("front", "server", "interface"), CHAINS, ids=["-".join(chain) for chain in CHAINS])
def test_a_chain_of_generated_files_answers_as_it_should(
    project: Project, certificate: fronts.Certificate, front: str, server: str, interface: str
) -> None:
    with deployed(project, certificate, front, server, interface) as site:
        ask_everything(site, asgi=interface == "asgi")
