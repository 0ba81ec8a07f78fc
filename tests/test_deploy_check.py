"""``gatewaydeploy --check``: every target's file is right by its own tool, and each tool's complaint has its line."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deploy.projects import Project, complete, place
from django_gateway.deploy.targets import TARGETS

#: Combinations that bring every target and both interfaces; all names are there as they are on a server.
COMBINATIONS = {
    "first": ("nginx", "gunicorn", "systemd", "docker", "kubernetes", "procfile", "--wsgi"),
    "second": ("apache", "uvicorn", "systemd", "docker", "kubernetes", "procfile", "--asgi"),
    "third": ("caddy", "granian", "systemd", "procfile", "--asgi"),
    "fourth": ("mod_wsgi", "--wsgi"),
    "fifth": ("daphne", "systemd", "--asgi"),
    "sixth": ("hypercorn", "systemd", "--asgi", "--bind", "127.0.0.1:8000"),
    "seventh": ("uwsgi", "systemd", "--wsgi", "--bind", "[::1]:8000"),
    "plain": ("nginx", "uvicorn", "--asgi", "--plain", "--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "fd00::/8"),
    "several": (
        *("nginx", "uvicorn", "--asgi", "--proxy", "10.0.0.1", "--nginx-version", "1.29"),
        *("--upstream", "10.0.0.11:8000", "--upstream", "app-2.internal:8000"),
    ),
    "several-apache": ("apache", "uwsgi", "--upstream", "10.0.0.11:8000", "--upstream", "unix:/run/a b/http.sock"),
    "several-caddy": ("caddy", "uwsgi", "--upstream", "10.0.0.11:8000", "--upstream", "[fd00::12]:8000"),
}
UNCHECKED = {"docker/Dockerfile": "docker build --check"}


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with place() as folder:
        made = complete(folder)
        for name, arguments in COMBINATIONS.items():
            settings = f"mysite.{'asgi_' if '--asgi' in arguments else ''}settings"
            made.manage(
                *("gatewaydeploy", *arguments, "--host", "example.org", "--host", ".example.net", "--output", name),
                DJANGO_SETTINGS_MODULE=settings,
            )
        yield made


def check(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return project.run("gatewaydeploy", "--check", *arguments, DJANGO_SETTINGS_MODULE="mysite.asgi_settings")


def test_every_target_is_among_them(project: Project) -> None:
    assert set(TARGETS) == {name for arguments in COMBINATIONS.values() for name in arguments if name in TARGETS}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_file_is_right(project: Project, name: str) -> None:
    folder = project.folder / name
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }
    done = check(project, "--output", name)
    assert done.returncode == 0, done.stdout
    seen = set()
    for line in done.stdout.splitlines():
        path, said = line.split(": ", 1)
        seen.add(path)
        # Everything has its tool here, but for the one that needs Docker's daemon.
        assert said.startswith("ok (" if path not in UNCHECKED else ("ok (", "not checked (")), line
    assert seen == {path for path in files if not path.endswith((".env", ".example"))}
    # Nothing was written, and nothing is left behind.
    after = {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }
    assert after == files
    exposure = re.search(r"\(systemd-analyze security\): exposure ([\d.]+) of 10", done.stdout)
    if "systemd" in COMBINATIONS[name]:
        assert exposure
        assert float(exposure[1]) < 2.0


MISTAKES = [
    ("first", "nginx/mysite.conf", "server_tokens off;", "server_tokens maybe;", "nginx -t", True),
    ("second", "apache/mysite.conf", "SSLEngine on", "SSLEngine perhaps", "apachectl -t", True),
    ("fourth", "mod_wsgi/mysite.conf", "WSGIPassAuthorization On", "WSGIPassAuth On", "apachectl -t", True),
    ("third", "caddy/Caddyfile", "request_header -Proxy\n", "request_headers -Proxy\n", "caddy validate", True),
    (
        "first",
        "gunicorn/gunicorn.conf.py",
        "mysite.wsgi:application",
        "mysite.wsgi:app",
        "gunicorn --check-config",
        False,
    ),
    ("second", "uvicorn/serve.py", "import uvicorn", "import unicorn", "python, uvicorn[standard]", False),
    ("fifth", "daphne/serve.py", "CommandLineInterface\n", "CommandLine\n", "python, daphne", False),
    ("sixth", "hypercorn/hypercorn.conf.py", "import os\n", "import oss\n", "hypercorn's Config", False),
    ("third", "granian/serve.py", "import Granian", "import Granite", "python, granian", False),
    ("seventh", "uwsgi/uwsgi.ini", "vacuum = true", "vaccuum = true", "uwsgi --strict --no-server", False),
    ("first", "systemd/mysite.service", "Restart=on-failure", "Restart=on-fail", "systemd-analyze verify", True),
    ("first", "systemd/mysite.socket", "Backlog=2048", "Backlog=many", "systemd-analyze verify", True),
    (
        "first",
        "docker/compose.yaml",
        "restart: unless-stopped",
        "restarts: unless-stopped",
        "compose-spec schema",
        False,
    ),
    ("first", "docker/nginx.conf", "server_tokens off;", "server_tokens maybe;", "nginx -t", True),
    ("first", "kubernetes/application.yaml", "replicas: 2", "replicas: two", "Kubernetes schema", False),
    ("first", "kubernetes/application.yaml", "automountServiceAccountToken", "automount", "Kubernetes schema", False),
    ("first", "procfile/Procfile", "web: ", "web ", "honcho check", True),
]


@pytest.mark.parametrize(
    ("name", "path", "right", "wrong", "tool", "with_line"), MISTAKES, ids=[f"{one[1]}-{one[3]}" for one in MISTAKES]
)
def test_a_mistake_is_reported(
    project: Project, name: str, path: str, right: str, wrong: str, tool: str, with_line: bool
) -> None:
    file = project.folder / name / path
    before = file.read_text(encoding="utf-8")
    assert right in before
    line = before[: before.index(right)].count("\n") + 1
    try:
        file.write_text(before.replace(right, wrong), encoding="utf-8")
        done = check(project, path.partition("/")[0], "--output", name)
    finally:
        file.write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout
    complaints = [said for said in done.stdout.splitlines() if said.startswith(path) and ": wrong (" in said]
    assert complaints, done.stdout
    where = f"{path}:{line}" if with_line else path
    assert complaints[0].startswith(f"{where}: wrong ({tool}): "), complaints


def test_a_tool_that_is_absent_is_no_verdict(project: Project) -> None:
    """PATH alone decides for programs; the folders where Debian has daemons are looked at anyway."""
    hide = "import shutil; which = shutil.which; shutil.which = lambda name, **k: None if name == 'caddy' else which(name, **k)"
    start = "import sys; sys.argv[0] = 'manage.py'; from django.core.management import execute_from_command_line as run"
    code = f"{hide}\n{start}; run(sys.argv)"
    command = [sys.executable, "-c", code, "gatewaydeploy", "--check", "caddy", "--output", "third"]
    done = subprocess.run(
        command,
        cwd=project.folder,
        env={"DJANGO_SETTINGS_MODULE": "mysite.asgi_settings", "PYTHONPATH": str(project.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "caddy/Caddyfile: not checked (caddy validate): not installed: Debian's package caddy\n"


def test_nothing_to_check_is_said(project: Project) -> None:
    for arguments, words in (
        (("--output", "absent"), "holds nothing that gatewaydeploy has written."),
        (("caddy", "--output", "first"), "is not there: write it first, with gatewaydeploy caddy."),
        (("ngingx", "--output", "first"), "There is no target 'ngingx'."),
    ):
        done = check(project, *arguments)
        assert done.returncode == 1
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_compose_has_what_the_issue_names(project: Project) -> None:
    services = yaml.safe_load((project.folder / "first/docker/compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"web", "app", "db", "redis"}
    assert services["web"]["ports"] == ["80:8080", "443:8443"]
    assert services["app"]["environment"]["REDIS_URL"] == "redis://redis:6379/0"


def test_kubernetes_has_what_the_issue_names(project: Project) -> None:
    text = (project.folder / "first/kubernetes/application.yaml").read_text(encoding="utf-8")
    objects = {one["kind"]: one for one in yaml.safe_load_all(text)}
    assert {"Deployment", "Service", "Ingress"} <= set(objects)
    containers = {one["name"]: one for one in objects["Deployment"]["spec"]["template"]["spec"]["containers"]}
    assert {"readinessProbe", "startupProbe"} <= set(containers["web"])
    assert "livenessProbe" in containers["app"]
    assert [rule["host"] for rule in objects["Ingress"]["spec"]["rules"]] == [
        "example.org",
        "example.net",
        "*.example.net",
    ]


def test_the_names_are_consistent_over_all_targets(project: Project) -> None:
    """One socket, named the same by the proxy, the server and systemd."""
    folder: Path = project.folder / "first"
    for path in ("nginx/mysite.conf", "gunicorn/gunicorn.conf.py", "systemd/mysite.socket"):
        assert "/run/mysite/http.sock" in (folder / path).read_text(encoding="utf-8"), path
    groups = re.findall(
        r"^(?:Socket)?Group=(.*)$",
        "".join((folder / f"systemd/mysite.{kind}").read_text(encoding="utf-8") for kind in ("service", "socket")),
        re.MULTILINE,
    )
    # What the application writes, and where it listens, is for the proxy's group.
    assert groups == ["www-data", "www-data"]
