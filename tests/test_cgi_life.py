"""CGI from the first start to the last end: what a saved file changes, what breaks, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from cgi_serving import SERVERS, environment_of, events, fields, site, usable
from django_gateway.exchange import FINISHED, IN_FLIGHT, INTERRUPTED
from django_gateway.servers import program
from serving import Site as Project
from serving import Stream, alive, listens, open_request, until

every = pytest.mark.parametrize("server", SERVERS)
#: Two saves within a second can look the same to who compares bytecode with its source by time and size.
NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@every
def test_the_next_request_runs_what_was_saved_and_none_is_refused(
    project: Project, tmp_path: Path, server: str
) -> None:
    with site(server, tmp_path, project=project.folder, **NO_BYTECODE) as found:
        serving = found.serving
        assert serving.get("/version/") == "one"
        before = {process.pid for process in serving.family() if process.ppid() == serving_pid(serving)}
        with Stream(serving, "/version/", threads=2) as stream:
            until(lambda: stream.count("one") > 1)
            project.edit("mysite/views.py", 'VERSION = "one"', 'VERSION = "two"')
            saved = time.monotonic()
            until(lambda: stream.count("two") > 1)
        assert {answer for sent, answer in stream.answers if sent > saved} == {"two"}
        serving.wait_for("mysite/views.py changed: the next request runs the new code")
        after = {process.pid for process in serving.family() if process.ppid() == serving_pid(serving)}
        assert after == before, "there was no need to start anything anew"


@pytest.mark.slow
@pytest.mark.skipif(not usable("fcgiwrap"), reason="fcgiwrap can't be used here")
def test_nginx_need_not_wait_for_a_fcgiwrap_that_starts_late(project: Project, tmp_path: Path) -> None:
    late = tmp_path / "bin" / "fcgiwrap"
    project.write(str(late), f'#!/bin/sh\nsleep 1\nexec {program.find("fcgiwrap")} "$@"\n')
    late.chmod(0o700)
    path = f"{late.parent}:{os.environ['PATH']}"
    with site("fcgiwrap", tmp_path, project=project.folder, **NO_BYTECODE, PATH=path) as found:
        assert found.serving.get("/version/") == "one"


def serving_pid(serving: object) -> int:
    return serving.process.pid  # type: ignore[attr-defined,no-any-return]


def test_a_changed_variable_reaches_the_next_request(project: Project, tmp_path: Path) -> None:
    project.write(".env", "GREETING=hello\n")
    project.settings(
        "for line in (BASE_DIR / '.env').read_text().splitlines():\n"
        "    name, _, value = line.partition('=')\n"
        "    __import__('os').environ.setdefault(name, value)\n"
    )
    with site("embedded", tmp_path, project=project.folder, **NO_BYTECODE) as found:
        assert found.serving.get("/variable/") == "hello"
        project.write(".env", "GREETING=goodbye, “all”\n")
        until(lambda: found.serving.get("/variable/") == "goodbye, “all”")


@every
def test_a_project_that_cannot_be_loaded(project: Project, tmp_path: Path, server: str) -> None:
    with site(server, tmp_path, project=project.folder, **NO_BYTECODE) as found:
        project.edit("mysite/urls.py", "urlpatterns = [", "urlpatterns = [[")
        project.edit("mysite/wsgi.py", "import os", "import os\nimport nowhere_to_be_found")
        status, body = found.serving.request("/version/?mark=broken")
        assert status == 500
        assert "can't be loaded" in body
        assert "nowhere_to_be_found" not in body, "a traceback is for the terminal and the panel"
        exchange = found.recorded("mark=broken")
        assert exchange.failure is not None
        assert exchange.failure.type == "ModuleNotFoundError"
        assert exchange.failure.frames[-1].file == str(project.folder / "mysite/wsgi.py")
        assert (exchange.status, events(exchange, "cgi.application.loaded")) == (500, [])
        assert exchange.split.process > 0
        # Once for the request, once because the file was saved.
        found.serving.wait_for("No module named 'nowhere_to_be_found'", times=2)
        project.edit("mysite/urls.py", "urlpatterns = [[", "urlpatterns = [")
        project.edit("mysite/wsgi.py", "import nowhere_to_be_found", "")
        assert found.serving.get("/version/") == "one"


def test_system_checks_and_migrations_are_told_as_by_runserver(project: Project, tmp_path: Path) -> None:
    with site("embedded", tmp_path, project=project.folder, **NO_BYTECODE) as found:
        found.serving.wait_for("You have 18 unapplied migration(s).")
        project.settings("STATICFILES_DIRS = 'not a list'")
        found.serving.wait_for("staticfiles.E001")
        assert found.serving.output.count("unapplied migration") == 1


@every
def test_control_c_leaves_nothing_behind(tmp_path: Path, server: str) -> None:
    with site(server, tmp_path) as found:
        serving = found.serving
        with open_request(serving, "/streams/sync/?count=1000&ms=100") as response:
            assert response.read(10)
            (in_flight,) = until(found.store.page)
            assert in_flight.state == IN_FLIGHT
            assert len(serving.family()) >= 2
            assert serving.end(signal.SIGINT) == 0
        # The script is told to end; on a machine that has better things to do it may be killed before it has said so.
        (exchange,) = found.store.page()
        assert exchange.id == in_flight.id
        assert exchange.state in (FINISHED, INTERRUPTED)


@every
def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path, server: str) -> None:
    path = "/streams/sync/?count=1000&ms=100"
    with site(server, tmp_path) as found, open_request(found.serving, path) as response:
        assert response.read(10)
        assert len(found.serving.family()) >= 2
        assert found.serving.end(signal.SIGKILL) == -signal.SIGKILL


@every
def test_a_killed_web_server_is_started_anew(tmp_path: Path, server: str) -> None:
    with site(server, tmp_path) as found:
        serving = found.serving
        assert serving.request("/json/")[0] == 200
        (keeper,) = [process for process in serving.family() if process.ppid() == serving_pid(serving)]
        others = [process for process in serving.family() if process != keeper]
        keeper.kill()
        serving.wait_for(f"Worker {keeper.pid} was ended by SIGKILL; another takes its place.")
        until(lambda: not [process for process in others if alive(process)], "what it had started is left")
        until(lambda: listens(serving))
        assert serving.request("/json/?mark=again")[0] == 200


ENVIRON = """
import json
import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    answer = {
        "variables": [name for name in os.environ if "proxy" in name.lower()],
        "keys": [name for name in environ if "proxy" in name.lower()],
        "folder": os.getcwd(),
        "scheme": environ["wsgi.url_scheme"],
        "run_once": environ["wsgi.run_once"],
    }
    print("said in the middle of a response")
    return [json.dumps(answer).encode()]
"""


@every
def test_any_application_and_a_proxy_header_that_becomes_no_variable(
    project: Project, tmp_path: Path, server: str
) -> None:
    """CVE-2016-5385. Our own environment's HTTP_PROXY is none of the request's either."""
    project.write("environ.py", ENVIRON)
    arguments = ("--application", "environ:application")
    with site(server, tmp_path, *arguments, project=project.folder, HTTP_PROXY="http://evil:1") as found:
        status, body = found.serving.request("/?mark=httpoxy", headers={"Proxy": "http://evil:2"})
        assert status == 200
        answer = json.loads(body)
        assert (answer["variables"], answer["keys"]) == ([], [])
        exchange = found.recorded("mark=httpoxy")
        assert "evil" not in str(environment_of(exchange))
        assert (exchange.interface, exchange.path, exchange.status) == ("cgi", "/", 200)
        steps = ["wsgi.start_response", "wsgi.returned", "wsgi.body", "wsgi.close"]
        assert [event[0] for event in events(exchange, "wsgi.")] == steps
        assert answer["folder"] == str(project.folder)
        assert (answer["scheme"], answer["run_once"]) == ("http", True)
        # What is printed is for the terminal; in a bare CGI script it would be part of the response.
        found.serving.wait_for("said in the middle of a response")


def test_excerpt_of_standard_input_hides_secrets(project: Project, tmp_path: Path) -> None:
    project.settings("GATEWAY = {'BODY_BYTES': 60}")
    project.write(
        "reader.py",
        "def read(environ, start_response):\n"
        "    body = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH']))\n"
        "    start_response('200 OK', [])\n"
        "    return [body[:1]]\n",
    )
    with site("embedded", tmp_path, "--application", "reader:read", project=project.folder) as found:

        def excerpt(mark: str, kind: str, body: str) -> str:
            headers = (f"Content-Type: {kind}", f"Content-Length: {len(body)}")
            assert b" 200 OK" in found.ask(f"/?{mark}", *headers, method="POST", body=body.encode())
            return str(fields(found.recorded(mark), "cgi.stdin.finished")[1])

        form = f"colour=orange&password=secret&more={'x' * 100}"
        kept = excerpt("mark=form", "application/x-www-form-urlencoded", form)
        assert kept.startswith("colour=orange&password=•••••&more=xx")
        assert "x" * 100 not in kept
        assert excerpt("mark=json", "application/json", '{"token": "secret", "a": 1}') == '{"token": "•••••", "a": 1}'
        multipart = 'Content-Disposition: form-data; name="password"\r\n\r\nsecret'
        assert excerpt("mark=parts", "multipart/form-data; boundary=edge", multipart) == "None"


def test_recording_off(tmp_path: Path) -> None:
    with site("embedded", tmp_path, GATEWAY_ENABLED="0") as found:
        assert found.serving.request("/json/?mark=off")[0] == 200
        found.serving.wait_for('"GET /json/?mark=off HTTP/1.1" 200')
        assert found.store.page() == []


def test_what_hangs_is_seen_while_it_hangs(tmp_path: Path) -> None:
    with site("embedded", tmp_path) as found:
        answers: list[tuple[int, str]] = []
        asking = threading.Thread(target=lambda: answers.append(found.serving.request("/work/sleep/?ms=4000")))
        asking.start()
        hanging = until(lambda: [one for one in found.store.page() if one.state != FINISHED])
        assert (hanging[0].interface, hanging[0].query) == ("cgi", "ms=4000")
        asking.join()
        assert answers[0][0] == 200
        exchange = found.recorded("ms=4000")
        assert exchange.id == hanging[0].id
        assert len(found.store.page()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="as another user there is nothing to be somebody else for")
def test_apache_as_root_reaches_the_project_of_root(tmp_path: Path) -> None:
    with site("apache", tmp_path) as found:
        (keeper,) = [process for process in found.serving.family() if process.ppid() == serving_pid(found.serving)]
        apache = psutil.Process(keeper.pid).children()[0]
        assert apache.uids().effective == 0, "seen from outside of its user namespace"
        assert found.serving.request("/json/?mark=root")[0] == 200
