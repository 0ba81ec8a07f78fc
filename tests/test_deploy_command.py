"""``manage.py gatewaydeploy`` as a person types it: what it writes, shows and prints."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management.base import BaseCommand

from deploy.projects import Project, fresh, place
from django_gateway.deploy.targets import TARGETS
from django_gateway.management.commands.gatewaydeploy import Command


@pytest.fixture(scope="module")
def site() -> Iterator[Project]:
    with place() as folder:
        folder.chmod(0o755)
        yield fresh(folder)


def test_without_the_setting_uvicorn_finds_what_startproject_made(site: Project) -> None:
    """As gatewayserve --asgi does."""
    assert '"mysite.asgi:application"' in site.manage("gatewaydeploy", "uvicorn", "--dry-run")


def test_a_file_that_is_there_is_shown_as_a_diff_and_kept_without_force(site: Project) -> None:
    arguments = ("nginx", "gunicorn", "--wsgi", "--output", "kept")
    said = site.manage("gatewaydeploy", *arguments, "--host", "old.example")
    assert re.findall(r"^(\w+) +/.*/kept/(\S+)$", said, re.MULTILINE) == [
        ("written", "nginx/mysite.conf"),
        ("written", "gunicorn/gunicorn.conf.py"),
    ]
    file = site.folder / "kept/nginx/mysite.conf"
    file.chmod(0o640)
    before = file.read_text(encoding="utf-8")
    again = site.manage("gatewaydeploy", *arguments, "--host", "old.example")
    assert re.findall(r"^(\w+) +/", again, re.MULTILINE) == ["unchanged", "unchanged"]

    done = site.run("gatewaydeploy", *arguments, "--host", "new.example")
    assert done.returncode == 1
    assert "-    server_name old.example;" in done.stdout
    assert "+    server_name new.example;" in done.stdout
    assert done.stderr.splitlines() == [
        f"CommandError: Nothing was written: nginx/mysite.conf in {site.folder / 'kept'} would change as shown. "
        "--force does it."
    ]
    assert file.read_text(encoding="utf-8") == before

    said = site.manage("gatewaydeploy", *arguments, "--host", "new.example", "--force")
    assert "+    server_name new.example;" in said
    assert re.findall(r"^(\w+) +/.*/kept/(\S+)$", said, re.MULTILINE) == [
        ("overwritten", "nginx/mysite.conf"),
        ("unchanged", "gunicorn/gunicorn.conf.py"),
    ]
    assert "server_name new.example;" in file.read_text(encoding="utf-8")
    # Whoever could read it can read it still.
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o640


def test_a_dry_run_prints_and_writes_nothing(site: Project) -> None:
    said = site.manage("gatewaydeploy", "nginx", "systemd", "--dry-run", "--output", "dry")
    assert re.findall(r"==> (\S+) <==", said) == [
        *("nginx/mysite.conf", "systemd/mysite.service", "systemd/mysite.env", "systemd/mysite.socket"),
        "gunicorn/gunicorn.conf.py",
    ]
    assert not (site.folder / "dry").exists()


def test_list_explains_each_target(site: Project) -> None:
    lines = site.manage("gatewaydeploy", "--list").splitlines()
    assert [line.split()[0] for line in lines] == list(TARGETS)
    assert all(len(line.split(None, 1)[1]) > 30 for line in lines)


def test_each_file_opens_with_what_it_is_and_how_to_install_it(site: Project) -> None:
    for targets in (
        ("nginx", "gunicorn", "systemd", "docker", "kubernetes", "procfile"),
        ("apache", "uvicorn"),
        ("caddy", "granian"),
        ("mod_wsgi",),
        ("daphne",),
        ("hypercorn",),
        ("uwsgi",),
    ):
        said = site.manage("gatewaydeploy", *targets, "--dry-run", "--output", "open")
        files = re.split(r"^==> (\S+) <==\n", said, flags=re.MULTILINE)[1:]
        for path, text in zip(files[::2], files[1::2], strict=True):
            opening = text[:900]
            assert re.match(r'#|"""', opening), path
            assert re.search(
                r"Install|install|kubectl|cp |The Dockerfile puts it|docker build|copy this file", opening
            ), path
            # And says of its lines why they are there.
            if not path.endswith((".env", ".example", "Procfile")):
                assert len(re.findall(r"^\s*#", text, re.MULTILINE)) >= 2, path


def test_the_server_that_something_needs_is_added(site: Project) -> None:
    said = site.manage("gatewaydeploy", "systemd", "--asgi", "--output", "added")
    assert "uvicorn was added: something has to serve the application." in said
    assert (site.folder / "added/uvicorn/serve.py").exists()


def test_names_that_are_not_ascii_are_as_dns_has_them(site: Project) -> None:
    said = site.manage("gatewaydeploy", "nginx", "--host", "Bücher.example", "--dry-run")
    assert "server_name xn--bcher-kva.example;" in said


def test_the_reference_names_every_option_and_target() -> None:
    reference = (Path(__file__).parents[1] / "docs/reference/gatewaydeploy.md").read_text(encoding="utf-8")
    parser = Command().create_parser("manage.py", "gatewaydeploy")
    of_django = {action.dest for action in BaseCommand().create_parser("manage.py", "any")._actions}
    for action in parser._actions:
        if action.dest not in of_django and action.option_strings:
            assert f"`{action.option_strings[0]}" in reference, action.option_strings
    for name in TARGETS:
        assert f"| `{name}` |" in reference, name
