"""The parts of gatewayserve that need no process: addresses, options, files that matter, .env, words."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pytest
from django.core.management.base import SystemCheckError

from django_gateway import servers
from django_gateway.servers.base import ServerError
from django_gateway.servers.options import OptionError, Options, add_arguments, merged, problems
from django_gateway.supervisor.addresses import Address, AddressError, parse
from django_gateway.supervisor.console import ending, listed
from django_gateway.supervisor.crashes import Crashes
from django_gateway.supervisor.dotenv import DotEnv, parsed
from django_gateway.supervisor.files import Tree
from django_gateway.supervisor.holding import is_known
from django_gateway.supervisor.preload import INSTALLED, STANDARD, Preload
from django_gateway.workers.access_log import escaped
from django_gateway.workers.application import split
from django_gateway.workers.failures import title


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("", Address("127.0.0.1", 8000)),
        ("8080", Address("127.0.0.1", 8080)),
        ("0", Address("127.0.0.1", 0)),
        ("0:8000", Address("0.0.0.0", 8000)),
        ("10.1.2.3:80", Address("10.1.2.3", 80)),
        ("localhost:8000", Address("localhost", 8000)),
        ("my-host.example:8000", Address("my-host.example", 8000)),
        ("[::1]:8000", Address("::1", 8000, ipv6=True)),
        ("[fe80::1%eth0]:8000", Address("fe80::1%eth0", 8000, ipv6=True)),
    ],
)
def test_addresses(written: str, address: Address) -> None:
    assert parse(written) == address


def test_ipv6_addresses() -> None:
    assert parse("", ipv6=True) == Address("::1", 8000, ipv6=True)
    assert parse("9", ipv6=True) == Address("::1", 9, ipv6=True)
    assert parse("localhost:9", ipv6=True) == Address("localhost", 9, ipv6=True)
    assert parse("[::]:9").reachable.url() == "http://[::1]:9/"


@pytest.mark.parametrize(
    "written", ["x", ":8000", "1.2.3.4", "1.2.3.4.5:1", "256.1.1.1:80", "[1]:8", "65536", "a b:1", "-1"]
)
def test_addresses_that_are_none(written: str) -> None:
    with pytest.raises(AddressError):
        parse(written)


def given(*arguments: str) -> dict[str, object]:
    parser = ArgumentParser()
    add_arguments(parser)
    return vars(parser.parse_args(arguments))


def test_options_are_defaults_then_settings_then_the_command_line() -> None:
    assert merged({}, given()) == Options()
    assert merged({"WORKERS": 3, "RELOAD": False, "ADDRESS": 80}, given()) == Options(
        workers=3, reload=False, address="80"
    )
    assert merged({"WORKERS": 3, "PANEL": False}, given("--workers", "2", "--panel", "9000", "8000")) == Options(
        workers=2, panel="9000", address="8000"
    )
    assert merged({"PANEL": 9000}, given("--nopanel")).panel is False
    assert given("--nothreading") == {"threads": 1}
    assert given("--wsgi", "--asgi", "--noreload", "--nostatic") == {
        "interface": "asgi",
        "reload": False,
        "static": False,
    }


def test_options_in_the_settings_that_are_none() -> None:
    wrong = {
        "PORT": 1,
        "WORKERS": 0,
        "INTERFACE": "http",
        "RELOAD": 1,
        "ADDRESS": True,
        "ARGUMENTS": "-x",
        "DRY_RUN": True,
    }
    assert {key for key, _, _ in problems(wrong)} == set(wrong)
    assert problems({"SERVER": "daphne", "THREADS": 2, "ARGUMENTS": ["-x"], "APPLICATION": "a.b"}) == []
    with pytest.raises(OptionError, match="It takes a whole number above 0"):
        merged({"WORKERS": 0}, {})


def test_a_server_in_the_settings_gives_way_to_an_interface_on_the_command_line() -> None:
    assert servers.settle({"SERVER": "daphne", "WORKERS": 2}, {"interface": "wsgi"}) == {"WORKERS": 2}
    assert servers.settle({"INTERFACE": "wsgi"}, {"server": "daphne"}) == {}
    assert servers.settle({"SERVER": "daphne"}, {"interface": "asgi"}) == {"SERVER": "daphne"}
    assert servers.interface_of(Options(server="daphne"), "wsgi") == "asgi"
    with pytest.raises(ServerError, match="Known servers"):
        servers.settle({"SERVER": "nonsense"}, {"interface": "asgi"})


def test_adapters_are_what_they_are_called() -> None:
    for name in servers.names():
        server = servers.get(name)
        assert server.name == name
        assert server.interfaces <= {"wsgi", "asgi", "cgi"}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for folder in ("app/templates", "media/in", ".git/x", "node_modules/y", "app/__pycache__", "env/lib", "mail"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "env/pyvenv.cfg").touch()
    return Tree(roots=(tmp_path,), data=(tmp_path / "media",), templates=(tmp_path / "mail",))


def test_folders_to_watch(tree: Tree, tmp_path: Path) -> None:
    assert {Path(folder).relative_to(tmp_path).as_posix() for folder in tree.folders()} == {
        ".",
        "app",
        "app/templates",
        "mail",
    }


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("app/models.py", True),
        ("app/templates/a.html", True),
        ("app/locale/de/django.mo", True),
        (".env", True),
        (".env.local", True),
        ("prod.env", True),
        ("mail/welcome.odd", True),
        ("app/templates/app/subject.txt", True),
        ("app/jinja2/feed.xml", True),
        ("out.txt", False),
        ("app/export.xml", False),
        ("requirements.txt", False),
        ("app/static/a.css", False),
        ("app/models.pyc", False),
        ("app/.#models.py", False),
        ("app/models.py~", False),
        ("db.sqlite3", False),
        ("media/in/x.py", False),
    ],
)
def test_files_that_matter(tree: Tree, tmp_path: Path, name: str, matters: bool) -> None:
    assert tree.matters(str(tmp_path / name)) is matters


def test_of_installed_packages_only_code_matters(tree: Tree) -> None:
    assert tree.matters(f"{INSTALLED[0]}django/db/models/base.py")
    assert not tree.matters(f"{INSTALLED[0]}django/contrib/admin/templates/admin/base.html")


def test_what_may_be_imported_ahead(tmp_path: Path) -> None:
    files = {
        "json": f"{STANDARD[0]}json/__init__.py",
        "django.forms": f"{INSTALLED[0]}django/forms/__init__.py",
        "django.contrib.auth": f"{INSTALLED[0]}django/contrib/auth/__init__.py",
        "msgspec": f"{INSTALLED[0]}msgspec/__init__.py",
        "unreadable": f"{INSTALLED[0]}unreadable/__init__.py",  # nobody knows what it says
        "mysite.urls": str(tmp_path / "mysite/urls.py"),
        "coverage": f"{INSTALLED[0]}coverage/__init__.py",
        "sys": None,
    }
    assert Preload().choose(files) == ["json", "django.forms", "msgspec"]
    cautious = Preload()
    cautious.exclude("msgspec.json")
    cautious.exclude("django.http")
    assert cautious.choose(files) == ["json", "django.forms"]
    for name in "abcdef":
        cautious.exclude(name)
    assert cautious.choose({**files, "markdown_it": f"{INSTALLED[0]}markdown_it/__init__.py"}) == [
        "json",
        "django.forms",
    ]
    assert Preload().choose({**files, "gevent": f"{INSTALLED[0]}gevent/__init__.py"}) == []


def test_dotenv_lines() -> None:
    text = "A=1\nexport B = two # not this\n#C=3\nD='a # b'\nE=\"x\\ny\"\nnonsense\n F=\nG=a=b\n"
    assert parsed(text) == {"A": "1", "B": "two", "D": "a # b", "E": "x\ny", "F": "", "G": "a=b"}


def test_dotenv_changes(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\nB=1\nMINE=file\n")
    dotenv = DotEnv([path], {"MINE": "shell"})
    environment = {"A": "1", "B": "1", "MINE": "shell", "OTHER": "1"}
    path.write_text("A=2\nC=3\nMINE=changed\n")
    dotenv.refresh(path, environment)
    assert environment == {"A": "2", "C": "3", "MINE": "shell", "OTHER": "1"}
    path.unlink()
    dotenv.refresh(path, environment)
    assert environment == {"MINE": "shell", "OTHER": "1"}


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("127.0.0.1:8000", True),
        ("192.0.2.1", True),
        ("[::1]:8000", True),
        ("app.localhost:8000", True),
        ("shop.example:8000", True),
        ("a.internal", True),
        ("internal", True),
        ("evil.example", False),
        ("notinternal", False),
        ("", False),
    ],
)
def test_whom_an_error_may_be_told(host: str, known: bool) -> None:
    assert is_known(host, ("localhost", "shop.example", ".internal", "*")) is known


def test_escapes() -> None:
    assert escaped("GET /\x1b[2J\r\n\x00\x9b\u202e/ü") == r"GET /\x1b[2J\r\n\x00\x9b\u202e/ü"


def test_words() -> None:
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed(["a", "b", "c", "d"]) == "a, b and 2 more"
    assert ending(0) == "ended"
    assert ending(3) == "ended with exit code 3"
    assert ending(-11) == "was ended by SIGSEGV"


@pytest.mark.parametrize("path", ["a", "a.", ".a", "a:", ":a", ""])
def test_application_paths_that_are_none(path: str) -> None:
    with pytest.raises(ImportError):
        split(path)


def test_application_paths() -> None:
    assert split("a.b.c") == ("a.b", "c")
    assert split("a.b:c.d") == ("a.b", "c.d")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ImportError("no such thing\n(from nowhere)"), "ImportError: no such thing"),
        (SyntaxError("bad", ("x.py", 1, 1, "x", 1, 2)), "SyntaxError: bad"),
        (SyntaxError(), "SyntaxError"),
        (KeyError(), "KeyError"),
        (
            SystemCheckError("\x1b[31mSystemCheckError: System check found:\x1b[0m\n\nERRORS:"),
            "SystemCheckError: System check found",
        ),
    ],
)
def test_an_error_in_one_line(error: BaseException, line: str) -> None:
    assert title(error) == line


def test_pauses_between_crashes() -> None:
    crashes = Crashes()
    assert [crashes.add(0.0) for _ in range(9)] == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert [crashes.add(served) for served in (11.0, 1.0, 10.0, 60.0)] == [0.0, 0.5, 1.0, 0.0]
    crashes.forget()
    assert crashes.add(0.0) == 0.0
