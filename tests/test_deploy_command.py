"""``manage.py gatewaydeploy`` as a person types it: what it writes, what it advises, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management.base import BaseCommand

from deploy.projects import Project, fresh, place
from django_gateway.deploy.targets import TARGETS
from django_gateway.management.commands.gatewaydeploy import Command
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


def test_without_the_setting_uvicorn_finds_what_startproject_made(site: Project) -> None:
    """As gatewayserve --asgi does."""
    assert '"mysite.asgi:application"' in site.manage("gatewaydeploy", "uvicorn", "--dry-run")


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


ADVISED = {
    "DEBUG": "DEBUG = False",
    "SECRET_KEY": 'SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]',
    "ALLOWED_HOSTS": 'ALLOWED_HOSTS = ["example.net"]',
    "SECURE_PROXY_SSL_HEADER": 'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")',
    "CSRF_TRUSTED_ORIGINS": 'CSRF_TRUSTED_ORIGINS = ["https://example.net"]',
    "SESSION_COOKIE_SECURE": "SESSION_COOKIE_SECURE = True",
    "CSRF_COOKIE_SECURE": "CSRF_COOKIE_SECURE = True",
    "SECURE_HSTS_SECONDS": "SECURE_HSTS_SECONDS = 3600",
    "STATIC_ROOT": 'STATIC_ROOT = BASE_DIR / "staticfiles"',
    "STORAGES": "STORAGES = {",
}


def advice(said: str) -> dict[str, str]:
    """The line to add, by its setting."""
    return dict(re.findall(r"^([A-Z_]+): .*(?:\n    (.*))?", said, re.MULTILINE))


def test_what_the_project_lacks_is_told_with_the_line_to_add(site: Project) -> None:
    said = site.manage("gatewaydeploy", "nginx", "gunicorn", "--host", "example.net", "--dry-run")
    found = advice(said)
    assert list(found) == list(ADVISED)
    for setting, line in ADVISED.items():
        assert found[setting].startswith(line), found[setting]


def test_the_lines_that_are_told_mend_it(site: Project) -> None:
    """Added as they are, they are Python, and nothing is left to tell."""
    told = advice(site.manage("gatewaydeploy", "nginx", "gunicorn", "--host", "example.net", "--dry-run"))
    site.write("mysite/mended.py", "import os\nfrom .settings import *\n" + "\n".join(told.values()) + "\n")
    variables = {"DJANGO_SETTINGS_MODULE": "mysite.mended", "DJANGO_SECRET_KEY": "k" * 60}
    said = site.manage("gatewaydeploy", "nginx", "gunicorn", "--host", "example.net", "--dry-run", **variables)
    assert advice(said) == {}


def test_advice_for_several_machines(site: Project) -> None:
    layer = 'CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}\n'
    site.write("mysite/spread.py", f"from .settings import *\n{layer}")
    upstreams = ("--upstream", "10.0.0.1:8000", "--upstream", "10.0.0.2:8000")
    said = site.manage("gatewaydeploy", "nginx", *upstreams, "--dry-run", DJANGO_SETTINGS_MODULE="mysite.spread")
    found = advice(said)
    assert "channels_redis" in found["CHANNEL_LAYERS"]
    assert "postgresql" in found["DATABASES"]
    assert "server 10.0.0.1:8000 max_fails=1" in said
    assert "server 10.0.0.2:8000 max_fails=1" in said


def test_a_layer_in_redis_that_would_end_silent_websockets_is_told(site: Project) -> None:
    """With redis-py 8, which is what is installed here."""
    for hosts, told in (
        ('["redis://r:6379/0"]', True),
        ('[("r", 6379)]', True),
        ("[]", True),
        ('[{"address": "redis://r:6379/0", "socket_timeout": None}]', False),
    ):
        backend = "channels_redis.core.RedisChannelLayer"
        layer = f'{{"default": {{"BACKEND": "{backend}", "CONFIG": {{"hosts": {hosts}}}}}}}'
        site.write("mysite/layered.py", f"from .settings import *\nCHANNEL_LAYERS = {layer}\n")
        said = site.manage("gatewaydeploy", "nginx", "--dry-run", DJANGO_SETTINGS_MODULE="mysite.layered")
        assert ("socket_timeout" in advice(said).get("CHANNEL_LAYERS", "")) is told, hosts


def test_plain_http_is_told_of_redirects_without_end(site: Project) -> None:
    site.write("mysite/redirects.py", "from .settings import *\nSECURE_SSL_REDIRECT = True\n")
    variables = {"DJANGO_SETTINGS_MODULE": "mysite.redirects"}
    said = site.manage("gatewaydeploy", "nginx", "--plain", "--dry-run", **variables)
    assert "SECURE_SSL_REDIRECT: The proxy speaks plain HTTP here" in said
    assert "SECURE_PROXY_SSL_HEADER" not in said


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


def test_an_empty_secret_is_told_and_is_no_traceback(site: Project) -> None:
    """As in projects whose production settings leave it to a file that is on the server alone."""
    site.write("mysite/secretless.py", 'from .settings import *\nSECRET_KEY = ""\n')
    said = site.manage("gatewaydeploy", "nginx", "--dry-run", DJANGO_SETTINGS_MODULE="mysite.secretless")
    assert "SECRET_KEY: SECRET_KEY is empty, and nothing starts without it." in said
    assert advice(said)["SECRET_KEY"] == 'SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]'
