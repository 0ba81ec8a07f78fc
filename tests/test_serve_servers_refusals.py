"""What the servers under gatewayserve refuse, and what they lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_gateway.servers.base import Server, ServerError
from every_server import refused
from serving import Serving, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--server uvicorn --threads 2", "uvicorn has no setting for threads"),
        ("--server hypercorn --threads 2", "Hypercorn has no setting for threads"),
        ("--asgi --server gunicorn --threads 2", "Gunicorn's worker for ASGI has no setting for threads"),
        ("--asgi --server granian --threads 2", "Granian runs ASGI applications in one thread"),
        ("--server waitress --https", "Waitress can't speak HTTPS here"),
        ("--server uwsgi --https", "uWSGI can't speak HTTPS here"),
        ("--wsgi --https", "Django's own server can't speak HTTPS here"),
        ("--wsgi --unix here.sock", "Django's own server can't serve on a Unix socket"),
        ("--wsgi --server uvicorn", "uvicorn speaks ASGI, not WSGI"),
        ("--asgi --server waitress", "Waitress speaks WSGI, not ASGI"),
        ("--server unknown", "There is no server called 'unknown'"),
        ("--server gunicorn --unix manage.py", "manage.py is there already, and is no socket"),
        ("--server gunicorn --unix " + "x" * 120, "too long for a Unix socket"),
        ("--server gunicorn --unix none/here", "No such file or directory"),
        ("--server gunicorn --unix here.sock 8000", "--unix takes the place of an address"),
        ("--server gunicorn --key manage.py", "--key goes with --cert"),
        ("--server gunicorn --cert nowhere.pem", "nowhere.pem can't be read"),
        ("--server gunicorn --cert manage.py", "is no certificate"),
    ],
)
def test_refused_before_anything_starts(site: Site, arguments: str, said: str) -> None:
    assert said in refused(site.folder, *arguments.split())
    assert not Path(site.folder, ".gateway/exchanges.sqlite3").exists()


class Absent(Server):
    name = "absent"
    title = "Absent"
    distribution = "a-distribution-that-nobody-made"


def test_a_server_that_is_not_installed_or_too_old() -> None:
    with pytest.raises(ServerError, match=r"Absent is not installed. To install it: pip install 'a-distribution"):
        Absent().version()
    Absent.extra = "absent"
    with pytest.raises(ServerError, match=r"pip install 'django-gateway\[absent\]'"):
        Absent().version()
    Absent.also, Absent.least = ("django",), "99"
    with pytest.raises(ServerError, match=r"Absent \S+ is too old, 99 is needed"):
        Absent().version()


def test_a_server_that_does_not_want_to_run(site: Site) -> None:
    with Serving(site.folder, "--server", "gunicorn", "--", "--no-such-option") as serving:
        assert serving.process is not None
        assert serving.process.wait(60) == 2
        serving.wait_for("unrecognized arguments: --no-such-option")
