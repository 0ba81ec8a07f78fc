"""The project's own wsgi.py and asgi.py as they are shown: the right line, nothing from elsewhere, nothing secret."""

from __future__ import annotations

from pathlib import Path

import pytest

import factories
from django_gateway import served
from django_gateway.panel import code
from django_gateway.stores import Capacity
from django_gateway.stores.memory import MemoryStore
from exchange_pages import page, text_of
from panels import installed

WSGI = '''"""WSGI config."""
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
os.environ["SECRET_KEY"] = "hunter2"

application = get_wsgi_application()
'''
ASGI = """from channels.routing import ProtocolTypeRouter

application = None
if True:
    application = ProtocolTypeRouter(
        {"http": 1},
    )
"""


@pytest.fixture
def project(tmp_path: Path) -> served.Served:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/wsgi.py").write_text(WSGI)
    (tmp_path / "shop/asgi.py").write_text(ASGI)
    return served.Served(
        root=str(tmp_path),
        applications={"wsgi": "shop.wsgi.application", "asgi": "shop.asgi.application"},
        files={"wsgi": str(tmp_path / "shop/wsgi.py"), "asgi": str(tmp_path / "shop/asgi.py")},
    )


def test_the_line_that_makes_the_application() -> None:
    assert code.defined_at(WSGI, "application") == (9, 9)
    assert code.defined_at(ASGI, "application") == (5, 7)
    assert code.defined_at("def app(e, s):\n    return []\n", "app") == (1, 2)
    assert code.defined_at("from shop.other import application\n", "application") == (1, 1)
    assert code.defined_at("x = 1\n", "application") is None
    assert code.defined_at("application = (", "application") is None


def test_lines_are_whole_and_marked() -> None:
    found = code.lines(ASGI, (5, 7))
    assert ["".join(part.text for part in line.parts) for line in found] == ASGI.splitlines()
    assert [line.number for line in found if line.marked] == [5, 6, 7]
    assert code.Part("keyword", "from") in found[0].parts
    broken = code.lines("a = '\n'''", None)
    assert ["".join(part.text for part in line.parts) for line in broken] == ["a = '", "'''"]


def test_only_files_of_the_project_are_read(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    secret = tmp_path / "secret.py"
    secret.write_text("hunter2")
    inside = tmp_path / "project/wsgi.py"
    inside.symlink_to(secret)
    assert code.read(str(inside), str(tmp_path / "project")) is None
    assert code.read(str(tmp_path / "project/../secret.py"), str(tmp_path / "project")) is None
    assert code.read(str(secret), "") is None
    assert code.read(str(tmp_path), str(tmp_path)) is None
    assert code.read("a\0b", str(tmp_path)) is None
    assert code.read(str(secret), str(tmp_path)) == "hunter2"
    secret.write_text("#" * (code.LARGEST + 1))
    assert code.read(str(secret), str(tmp_path)) is None


def test_the_tab(project: served.Served, tmp_path: Path) -> None:
    store = MemoryStore(Capacity())
    wsgi, asgi, cgi = factories.wsgi_page(), factories.asgi_page(), factories.cgi_page()
    factories.keep(store, wsgi, asgi, cgi)
    with installed(store, tmp_path, served=lambda: project) as client:
        text = page(client, wsgi, "source")
        assert "Django's server called application(environ, start_response): the object that line 9" in text_of(text)
        assert "hunter2" not in text
        assert "shop/wsgi.py" in text
        assert text.count('class="called"') == 1
        assert "application(scope, receive, send)" in text_of(page(client, asgi, "source"))
        assert "The script called application(environ, start_response)" in text_of(page(client, cgi, "source"))
        # Whatever a client asks for, it is this file.
        asked = page(client, wsgi, "source", file="/etc/passwd", path="../../etc/passwd")
        assert "root:" not in asked
        Path(project.files["wsgi"]).unlink()
        assert "can't be read now" in text_of(page(client, wsgi, "source"))
    with installed(store, tmp_path) as client:
        assert "?tab=source" not in page(client, wsgi)


def test_the_file_is_found_without_importing_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nowhere_else").mkdir()
    (tmp_path / "nowhere_else/wsgi.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert served._file("nowhere_else.wsgi.application", tmp_path) == str(tmp_path / "nowhere_else/wsgi.py")
    assert served._file("nowhere_else.wsgi", tmp_path) == str(tmp_path / "nowhere_else/wsgi.py")
    assert served._file("os.path", tmp_path) == ""
    assert served._file("../../etc.passwd", tmp_path) == ""
