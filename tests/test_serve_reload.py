"""A saved file: new code answers, nobody is refused, and nothing that stays open holds it up."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from functools import partial
from pathlib import Path

import psutil
import pytest

from serving import Serving, Site, Stream, open_request, until

MODES = ["--wsgi", "--asgi"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_nobody_is_refused_and_the_new_code_answers(site: Site, mode: str) -> None:
    with Serving(site.folder, mode) as serving:
        serving.get("/version/")
        with Stream(serving, "/version/") as stream:
            for old, new in (("one", "two"), ("two", "three"), ("three", "four")):
                before = stream.count(new)
                assert before == 0
                site.edit("mysite/views.py", f'"{old}"', f'"{new}"')
                until(partial(stream.has, new, 20))
        # From the first answer of the new code on, none of the old: each was sent on a connection of its own.
        texts = [text for _, text in sorted(stream.answers)]
        last_old = max(number for number, text in enumerate(texts) if text == "three")
        first_new = texts.index("four")
        assert last_old - first_new < len(stream._threads)


@pytest.mark.parametrize("mode", MODES)
def test_an_idle_kept_connection_ends_cleanly(site: Site, mode: str) -> None:
    with Serving(site.folder, mode) as serving:
        connection = serving.connect()
        connection.request("GET", "/version/")
        assert connection.getresponse().read() == b"one"
        kept = connection.sock
        site.edit("mysite/views.py", '"one"', '"two"')
        assert kept.recv(1) == b""  # the end, and no reset
        connection.close()
        assert serving.get("/version/") == "two"


@pytest.mark.parametrize("mode", MODES)
def test_a_request_in_flight_is_finished_by_the_code_that_began_it(site: Site, mode: str) -> None:
    with Serving(site.folder, mode) as serving:
        serving.get("/version/")
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(serving.get("/slow/")))
        thread.start()
        until((site.folder / "begun").exists)
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: serving.get("/version/") == "two")
        thread.join()
        assert answers == ["one"]


@pytest.mark.parametrize("mode", MODES)
def test_an_open_event_stream_does_not_hold_it_up(site: Site, mode: str) -> None:
    with Serving(site.folder, mode) as serving, open_request(serving, "/events/") as events:
        assert events.readline() == b"data: one\n"
        old = {process.pid for process in serving.family()}
        worker = int(serving.get("/who/"))
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: serving.get("/version/") == "two")
        try:
            while events.readline():
                pass
        except http.client.IncompleteRead:
            pytest.fail("the stream was cut off rather than ended")
        until(lambda: not psutil.pid_exists(worker))
        assert worker in old


@pytest.mark.parametrize("mode", MODES)
def test_templates_translations_and_new_folders(site: Site, mode: str) -> None:
    with Serving(site.folder, mode) as serving:
        assert serving.get("/page/") == "page one"
        site.write("pages/page.html", "page two")
        until(lambda: serving.get("/page/") == "page two")
        site.write("pages/deep/er/part.html", "part one")
        site.write("pages/page.html", "{% include 'deep/er/part.html' %}")
        until(lambda: serving.get("/page/") == "part one")
        site.write("pages/deep/er/part.html", "part two")
        until(lambda: serving.get("/page/") == "part two")


def test_what_the_running_project_writes_does_not_restart_it(site: Site) -> None:
    site.settings("MEDIA_ROOT = BASE_DIR / 'media'")
    (site.folder / "media").mkdir()
    with Serving(site.folder) as serving:
        worker = serving.get("/who/")
        for name in ("media/upload.py", "node_modules/x.py", "notes.md", "data.sqlite3", ".gateway/x.py", ".#views.py"):
            site.write(name, "1")
        site.write("mysite/__pycache__/x.py", "1")
        # A change that counts, after those that do not: one restart.
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: serving.get("/version/") == "two")
        serving.wait_for("restarted in")
        assert serving.output.count("restarted in") == 1
        assert "mysite/views.py changed: restarted" in serving.output
        assert serving.get("/who/") != worker


@pytest.mark.parametrize("mode", MODES)
def test_an_import_error_is_shown_and_waits_for_its_fix(site: Site, mode: str) -> None:
    with Serving(site.folder, mode, panel=True) as serving:
        serving.get("/version/")
        panel = [process for process in serving.family() if "django_gateway.panel" in process.cmdline()]
        assert len(panel) == 1
        site.edit("mysite/views.py", "import asyncio", "import asyncio, nowhere_to_be_found")
        serving.wait_for("Waiting for a change.")
        assert "ModuleNotFoundError: No module named 'nowhere_to_be_found'" in serving.output
        assert "importlib" not in serving.output
        status, page = serving.request("/version/", headers={"Accept": "text/html"})
        assert status == 503
        assert "No module named &#x27;nowhere_to_be_found&#x27;" in page
        assert 'http-equiv="refresh"' in page
        status, text = serving.request("/version/", headers={"Accept": "*/*"})
        assert status == 503
        assert "No module named 'nowhere_to_be_found'" in text
        assert "nowhere" not in serving.request("/", headers={"Host": "evil.example"})[1]
        assert serving.request("/version/", method="HEAD") == (503, "")

        site.edit("mysite/views.py", "import asyncio, nowhere_to_be_found", "import asyncio")
        # Sent at once after the fix was saved: it waits for the fix, and is not told of the error again.
        assert serving.get("/version/") == "one"
        assert panel[0].is_running()
        assert "panel ended" not in serving.output


@pytest.mark.parametrize("broken", ["mysite/settings.py", "mysite/urls.py", "mysite/wsgi.py"])
def test_syntax_errors_anywhere(site: Site, broken: str) -> None:
    with Serving(site.folder) as serving:
        serving.get("/version/")
        whole = site.read(broken)
        site.write(broken, f"{whole}\n)(\n")
        serving.wait_for("Waiting for a change.")
        assert "SyntaxError" in serving.output
        site.write(broken, whole)
        until(lambda: serving.request("/version/") == (200, "one"))


def test_a_project_that_is_broken_from_the_start(site: Site) -> None:
    site.write("broken/__init__.py", "")
    site.write("broken/models.py", "from nowhere import nothing")
    site.edit("mysite/settings.py", "'django_gateway',", "'django_gateway', 'broken',")
    with Serving(site.folder) as serving:
        serving.wait_for("Waiting for a change.")
        assert "No module named 'nowhere'" in serving.output
        site.write("broken/models.py", "")
        # Until the change is seen, the answer is what is wrong.
        until(lambda: serving.request("/version/") == (200, "one"))


def test_a_wrong_application_path(site: Site) -> None:
    site.settings("WSGI_APPLICATION = 'mysite.wsgi.aplication'")
    with Serving(site.folder) as serving:
        serving.wait_for("Waiting for a change.")
        assert (
            "'mysite.wsgi.aplication' is to be the application, but mysite.wsgi has no 'aplication'" in serving.output
        )
        site.edit("mysite/settings.py", "wsgi.aplication", "wsgi.application")
        until(lambda: serving.request("/version/") == (200, "one"))


def test_system_checks(site: Site) -> None:
    site.settings("LANGUAGES = [('not a language', 'Nonsense')]")
    with Serving(site.folder) as serving:
        serving.wait_for("Waiting for a change.")
        assert "SystemCheckError" in serving.output
        assert "translation.E002" in serving.output
        assert "Traceback" not in serving.output
        assert serving.request("/version/")[0] == 503
    with Serving(site.folder, "--skip-checks") as serving:
        serving.get("/version/")
        assert "translation.E002" not in serving.output
        assert "unapplied" not in serving.output


def test_a_dotenv_file_that_the_settings_load(site: Site) -> None:
    load = "for _line in (BASE_DIR / '.env').read_text().split(): os.environ.setdefault(*_line.split('='))"
    site.settings(f"import os\n{load}")
    site.write(".env", "GREETING=hello")
    with Serving(site.folder) as serving:
        assert serving.get("/variable/") == "hello"
        site.write(".env", "GREETING=goodbye")
        until(lambda: serving.get("/variable/") == "goodbye")
        site.write(".env", "")
        until(lambda: serving.get("/variable/") == "unset")
    with Serving(site.folder, GREETING="mine") as serving:
        site.write(".env", "GREETING=hello")
        serving.wait_for("restarted in")
        assert serving.get("/variable/") == "mine"


def test_a_worker_that_dies_is_replaced_and_later_more_slowly(site: Site) -> None:
    with Serving(site.folder) as serving:
        for times in (1, 2, 3, 4):
            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                serving.get("/die/")
            serving.wait_for("ended with exit code 3", times=times)
            if times < 4:
                until(lambda: serving.request("/version/")[0] == 200)
        assert "another takes its place" in serving.output
        assert "4 times now. Next try in 2 s, or when a file is saved." in serving.output
        status, page = serving.request("/version/")
        assert status == 503
        assert "exit code 3" in page
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: serving.request("/version/") == (200, "two"))


def test_a_worker_that_is_killed(site: Site) -> None:
    with Serving(site.folder) as serving:
        os.kill(int(serving.get("/who/")), signal.SIGKILL)
        serving.wait_for("was ended by SIGKILL; another takes its place")
        assert serving.get("/version/") == "one"


def test_noreload(site: Site) -> None:
    with Serving(site.folder, "--noreload") as serving:
        worker = serving.get("/who/")
        assert [process.pid for process in serving.family()] == [int(worker)]
        site.edit("mysite/views.py", '"one"', '"two"')
        assert serving.get("/version/") == "one"
        os.kill(int(worker), signal.SIGKILL)
        assert serving.get("/version/") == "two"


def test_nospare(site: Site) -> None:
    with Serving(site.folder, "--nospare") as serving:
        worker = serving.get("/who/")
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: serving.get("/version/") == "two")
        until(lambda: not psutil.pid_exists(int(worker)))
        assert [process.pid for process in serving.family()] == [int(serving.get("/who/"))]


def test_a_changed_library_beside_the_project(tmp_path: Path) -> None:
    """As an editable install is: outside of the project, and not where packages are installed."""
    beside = tmp_path / "beside"
    (beside / "library").mkdir(parents=True)
    (beside / "library/__init__.py").write_text('WORD = "old"\n')
    project = Site(tmp_path / "project")
    project.edit("mysite/views.py", 'VERSION = "one"', "from library import WORD as VERSION")
    with Serving(project.folder, PYTHONPATH=str(beside)) as serving:
        assert serving.get("/version/") == "old"
        (beside / "library/__init__.py").write_text('WORD = "new"\n')
        until(lambda: serving.get("/version/") == "new")
