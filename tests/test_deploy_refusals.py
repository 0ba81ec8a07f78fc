"""Bad input for ``manage.py gatewaydeploy``: one clear line each, and all files or none."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy.projects import Project, fresh, place
from serving import environment


@pytest.fixture(scope="module")
def site() -> Iterator[Project]:
    with place() as folder:
        folder.chmod(0o755)
        yield fresh(folder)


def refused(project: Project, *arguments: str, **variables: str) -> str:
    """The one line that it says. No folder appears."""
    done = project.run("gatewaydeploy", *arguments, **variables)
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert not (project.folder / "deploy").exists()
    return lines[0].removeprefix("CommandError: ")


REFUSALS = [
    (("ngingx",), "There is no target 'ngingx'. The targets are nginx, apache, "),
    ((), "Name a target. --list explains them."),
    (("nginx", "caddy"), "nginx and caddy would listen at the same address: name one of them."),
    (("gunicorn", "uvicorn"), "gunicorn and uvicorn would serve at the same socket: name one of them."),
    (("mod_wsgi", "gunicorn"), "With mod_wsgi the application runs inside Apache: leave gunicorn out."),
    (("mod_wsgi", "systemd"), "With mod_wsgi the application runs inside Apache: leave systemd out."),
    (("uvicorn", "--wsgi"), "uvicorn serves no WSGI: leave --wsgi out."),
    (("uwsgi", "--asgi"), "uwsgi serves no ASGI: leave --asgi out."),
    (("daphne", "--workers", "4"), "Daphne is one process: leave --workers out, and start it several times."),
    (
        ("nginx", "--host", "not a host"),
        "'not a host' is no host name: it takes letters, digits and hyphens, with dots between.",
    ),
    (("nginx", "--host", "a;b.example"), "'a;b.example' is no host name: "),
    (("nginx", "--host=-x.example"), "'-x.example' is no host name: "),
    (("nginx", "--host", "300.1.1.1"), "'300.1.1.1' is no host name, and no IP address either."),
    (("nginx", "--host", "a" * 64 + ".example"), "is no host name: "),
    (("nginx", "--host", ""), "'' is no host name: "),
    (
        ("nginx", "--upstream", "nowhere"),
        "'nowhere' is no address: it takes host:port or a port, and a port is 1 to 65535.",
    ),
    (("nginx", "--upstream", "10.0.0.1:0"), "'10.0.0.1:0' is no address: "),
    (("nginx", "--upstream", "10.0.0.1:65536"), "'10.0.0.1:65536' is no address: "),
    (("nginx", "--upstream", ":8000"), "':8000' is no upstream: it takes host:port or unix:/path."),
    (("nginx", "--upstream", "fd00::1:80"), "an IPv6 address stands in brackets, as in [::1]:8000."),
    (
        ("nginx", "--upstream", "unix:relative"),
        "'unix:relative' is no upstream: the path of a socket starts with a slash.",
    ),
    (("nginx", "--listen", "http"), "'http' is no address: "),
    (("nginx", "--trusted-proxy", "10.0.0.1/8"), "'10.0.0.1/8' is no network: it takes the form 10.0.0.0/8."),
    (("gunicorn", "--proxy", "example.org"), "'example.org' is no IP address."),
    (
        ("nginx", "--plain", "--cert", "/c.pem", "--key", "/k.pem"),
        "--plain is without TLS: leave --cert, --key and --redirect out.",
    ),
    (("nginx", "--cert", "/c.pem"), "--cert and --key go together."),
    (("nginx", "--cert", "/c $x.pem", "--key", "/k.pem"), "nginx takes '/c $x.pem' for a name with a variable in it: "),
    (("apache", "--cert", "/c${x}.pem", "--key", "/k.pem"), "Apache would look for a variable in '/c${x}.pem': "),
    (("caddy", "--cert", "/c{x}.pem", "--key", "/k.pem"), "Caddy would look for a placeholder in '/c{x}.pem': "),
    (("uwsgi", "--socket", "/run/$(x).sock"), "uWSGI's ini file has no spelling for '/run/$(x).sock': "),
    (("gunicorn", "--socket", "/a\nb"), "'/a\\nb' holds a control character, which no configuration file can."),
    (("gunicorn", "--bind", "8000", "--socket", "/a"), "--bind and --socket are two places: give one of them."),
    (("systemd", "--user", "a b"), "A user and a group are named with letters, digits, '_', '-' and '.'."),
    (("nginx", "--name", "a/b"), "'a/b' is no name: "),
    (("gunicorn", "--application", "mysite.absent.application"), "but there is no module mysite.absent."),
    (
        ("gunicorn", "--application", "mysite wsgi"),
        "'mysite wsgi' is no application: it takes the form module.attribute.",
    ),
    (("nginx", "--output", "manage.py"), "Nothing was written: "),
    (("nginx", "--output", "manage.py/deploy"), "Nothing was written: "),
]


#: What argparse refuses in its own way.
UNREADABLE = [("--workers", "0"), ("--timeout", "soon"), ("--max-body", "big"), ("--root", "here"), ("--health", "up")]

#: All of them in one process, each as ``manage.py`` would run it: code, and both outputs.
ALL_AT_ONCE = """
import contextlib, io, json, sys

from django.core.management import execute_from_command_line

def run(arguments):
    code, output, errors = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            execute_from_command_line(["manage.py", "gatewaydeploy", *arguments])
        except SystemExit as end:
            code = end.code
    return code, output.getvalue(), errors.getvalue()

print(json.dumps([run(arguments) for arguments in json.loads(sys.argv[1])]))
"""
Said = list[tuple[int, str, str]]


@pytest.fixture(scope="module")
def said(site: Project) -> Said:
    every = [list(arguments) for arguments, _ in REFUSALS] + [["nginx", *words] for words in UNREADABLE]
    done = subprocess.run(
        [sys.executable, "-c", ALL_AT_ONCE, json.dumps(every)],
        cwd=site.folder,
        env=environment(DJANGO_SETTINGS_MODULE="mysite.settings"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert not (site.folder / "deploy").exists()
    found: Said = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("number", range(len(REFUSALS)), ids=[ascii(" ".join(one[0]))[1:60] for one in REFUSALS])
def test_bad_input_is_refused_in_one_line(said: Said, number: int) -> None:
    code, output, errors = said[number]
    assert (code, output) == (1, "")
    assert len(errors.splitlines()) == 1, errors
    assert REFUSALS[number][1] in errors


@pytest.mark.parametrize("number", range(len(UNREADABLE)), ids=[one[0] for one in UNREADABLE])
def test_bad_numbers_sizes_and_paths_are_refused_as_argparse_does(said: Said, number: int) -> None:
    code, output, errors = said[len(REFUSALS) + number]
    option, value = UNREADABLE[number]
    assert (code, output) == (2, "")
    assert f"argument {option}: {value!r} " in errors.splitlines()[-1]


def test_a_missing_application_setting_is_named_with_the_line_to_add(site: Project) -> None:
    site.write("mysite/without.py", "from .settings import *\ndel WSGI_APPLICATION\n")
    said = refused(site, "gunicorn", "--wsgi", DJANGO_SETTINGS_MODULE="mysite.without")
    assert said == (
        'WSGI_APPLICATION is not set: add WSGI_APPLICATION = "mysite.wsgi.application" to the settings, or name the '
        "application with --application."
    )
    site.write("mysite/astray.py", 'from .settings import *\nASGI_APPLICATION = "mysite.nowhere.application"\n')
    said = refused(site, "uvicorn", DJANGO_SETTINGS_MODULE="mysite.astray")
    assert said == "'mysite.nowhere.application' is to be the application, but there is no module mysite.nowhere."


def test_a_read_only_folder_stays_as_it_is(site: Project) -> None:
    """Root may write everywhere, unless it has given that right away."""
    powerless = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*powerless, sys.executable, "manage.py", "gatewaydeploy", "nginx", "gunicorn", "systemd"]
    mode = stat.S_IMODE(site.folder.stat().st_mode)
    site.folder.chmod(0o555)
    try:
        done = subprocess.run(command, cwd=site.folder, env=environment(), capture_output=True, text=True, check=False)
    finally:
        site.folder.chmod(mode)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"CommandError: Nothing was written: {site.folder / 'deploy'}: Permission denied."
    ]
    assert not (site.folder / "deploy").exists()


def test_all_files_or_none(site: Project) -> None:
    """The last of three cannot take its place: the first two, one of them new, go back."""
    output = site.folder / "none"
    site.manage("gatewaydeploy", "nginx", "--host", "old.example", "--output", "none")
    before = (output / "nginx/mysite.conf").read_bytes()
    (output / "systemd").mkdir()
    (output / "systemd" / "mysite.socket").mkdir()
    done = site.run(
        "gatewaydeploy", "nginx", "gunicorn", "systemd", "--host", "new.example", "--force", "--output", "none"
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"CommandError: Nothing was written: {output / 'systemd/mysite.socket'}: Is a directory."
    ]
    (output / "systemd" / "mysite.socket").rmdir()
    (output / "systemd").rmdir()
    assert (output / "nginx/mysite.conf").read_bytes() == before
    assert [path.relative_to(output).as_posix() for path in output.rglob("*")] == ["nginx", "nginx/mysite.conf"]
