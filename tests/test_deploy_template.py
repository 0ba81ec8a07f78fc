"""The project template, as ``django-admin startproject`` unpacks it: it runs, it tests itself, it can be deployed."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from deploy.processes import accepts, exec_start, running
from deploy.projects import Project, place
from deploy.requests import UnixConnection
from serving import DEADLINE, Serving, environment

ROOT = Path(__file__).parents[1]
SECRET = "aB3dE5gH7" * 8
PRODUCTION = {
    "DJANGO_ENV": "production",
    "DJANGO_SECRET_KEY": SECRET,
    "DJANGO_ALLOWED_HOSTS": "example.org,localhost",
}
#: What the files in the template's own deploy/ were made with.
FILLED_IN = (
    *("nginx", "uvicorn", "systemd", "--name", "site", "--root", "/srv/site", "--venv", "/srv/site/.venv"),
    *("--host", "example.org", "--nginx-version", "1.22", "--health", "/health/ready/"),
)


def template() -> str:
    command = [sys.executable, "-m", "django_gateway", "template"]
    return subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with place("a place") as folder:
        django_admin = str(Path(sys.executable).parent / "django-admin")
        command = [django_admin, "startproject", "mysite", "--template", template()]
        subprocess.run(command, cwd=folder, env=environment(), check=True)
        made = Project(folder / "mysite")
        made.manage("migrate", "--verbosity", "0")
        yield made


def test_no_placeholder_is_left(project: Project) -> None:
    for path in project.folder.rglob("*"):
        if path.is_file() and path.suffix != ".sqlite3":
            text = path.read_bytes()
            assert b"project_name" not in text, path
            assert b"-tpl" not in path.name.encode(), path
            # Only templates of pages have tags.
            assert path.suffix == ".html" or b"{{" not in text, path


def test_its_own_tests_pass(project: Project) -> None:
    said = project.manage("test")
    assert re.search(r"Ran \d\d tests", said)
    assert "OK" in said


@pytest.mark.parametrize("mode", ["--wsgi", "--asgi", "--cgi"])
def test_it_runs_at_once_under_every_interface(project: Project, mode: str) -> None:
    with Serving(project.folder, mode, "--noreload") as serving:
        assert f"This page came through {'ASGI' if mode == '--asgi' else 'WSGI'}." in serving.get("/")
        assert "max-width" in serving.get("/static/home/home.css")
        assert '"database": "ok"' in serving.get("/health/ready/")
        if mode == "--asgi":
            address = serving.url.replace("http", "ws") + "everybody/"
            origin = Origin(serving.url.rstrip("/"))
            with connect(address, origin=origin, proxy=None, open_timeout=DEADLINE) as client:
                client.send("to all")
                assert client.recv(DEADLINE) == "to all"
    # Development is recorded.
    assert (project.folder / ".gateway" / "exchanges.sqlite3").exists()


def test_without_a_word_it_is_asgi(project: Project) -> None:
    with Serving(project.folder, "--noreload") as serving:
        assert "This page came through ASGI." in serving.get("/")


def test_production_passes_the_deployment_check(project: Project) -> None:
    said = project.manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert "no issues" in said


def test_production_says_what_is_missing(project: Project) -> None:
    for missing in ("DJANGO_SECRET_KEY", "DJANGO_ALLOWED_HOSTS"):
        done = project.run("check", **{**PRODUCTION, missing: ""})
        assert done.returncode != 0
        assert (
            done.stderr.rstrip()
            .splitlines()[-1]
            .endswith(f"{missing} is not set. The production settings need it in their environment.")
        )


def test_its_deployment_files_are_what_gatewaydeploy_writes(project: Project) -> None:
    """And nothing is advised but the layer between processes, which REDIS_URL brings."""
    said = project.manage("gatewaydeploy", *FILLED_IN, **PRODUCTION)
    assert [line.split()[0] for line in said.splitlines() if "/deploy/" in line] == ["unchanged"] * 5
    assert "CHANNEL_LAYERS" in said
    said = project.manage("gatewaydeploy", *FILLED_IN, **PRODUCTION, REDIS_URL="redis://localhost")
    assert len(said.splitlines()) == 5, said


def test_its_deployment_files_are_valid(project: Project) -> None:
    said = project.manage("gatewaydeploy", "--check", **PRODUCTION)
    verdicts = [re.sub(r"\(.*", "", line).strip() for line in said.splitlines()]
    assert verdicts == [
        *("nginx/site.conf: ok", "uvicorn/serve.py: ok"),
        *("systemd/site.service: ok", "systemd/site.service: ok", "systemd/site.socket: ok"),
    ]
    exposure = re.search(r"exposure ([\d.]+) of 10", said)
    assert exposure
    assert float(exposure[1]) < 2.0


def test_its_server_file_serves_production(project: Project, tmp_path: Path) -> None:
    """Through PORT's place, since /run is not ours."""
    project.manage("collectstatic", "--noinput", "--verbosity", "0", **PRODUCTION)
    unit = project.read("deploy/systemd/site.service").replace("/srv/site/.venv", sys.prefix)
    command = exec_start(unit.replace("/srv/site", str(project.folder).replace(" ", "\\ ")))
    path = project.folder.parent / "http.sock"
    serve = project.folder / "deploy" / "uvicorn" / "serve.py"
    before = serve.read_text(encoding="utf-8")
    serve.write_text(before.replace("/run/site/http.sock", str(path)), encoding="utf-8")
    try:
        variables = {**PRODUCTION, "WEB_CONCURRENCY": "1"}
        with running(command, tmp_path / "server.log", cwd=project.folder, variables=variables) as process:
            process.until(lambda: accepts(str(path)), "nothing listens")
            connection = UnixConnection(str(path))
            connection.request("GET", "/", headers={"X-Forwarded-Proto": "https"})
            said = connection.getresponse().read().decode()
            connection.close()
    finally:
        serve.write_text(before, encoding="utf-8")
    assert "This page came through ASGI." in said
    # Names with a hash: ManifestStaticFilesStorage is in force.
    assert re.search(r"/static/home/home\.[0-9a-f]{12}\.css", said)


def test_the_wheel_has_the_template(tmp_path: Path) -> None:
    """Every file of it, those with a dot before their name too."""
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], env=environment(), check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    folders = (ROOT / "django_gateway" / "deploy" / name for name in ("project_template", "templates"))
    kept = {path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("*") if path.is_file()}
    assert kept <= packed
    assert "django_gateway/deploy/project_template/.gitignore" in packed
    assert "django_gateway/deploy/project_template/data/.gitignore" in packed
