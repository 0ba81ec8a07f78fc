"""Each server under gatewayserve: reload, and the end."""

from __future__ import annotations

import http.client
import signal
import sys
import threading
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest

from every_server import every
from serving import Serving, Site, Stream, alive_pid, listens, until

#: Where tools/mod-wsgi.sh builds it.
EXPRESS = Path(sys.prefix, "mod_wsgi")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@every
def test_reload_refuses_no_connection(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments) as serving, Stream(serving, "/version/") as stream:
        until(lambda: stream.count("one") > 5)
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: stream.count("two") > 5)
        site.edit("mysite/views.py", '"two"', '"three"')
        until(lambda: stream.count("three") > 5)


@pytest.mark.slow
def test_workers_of_granian_end_while_others_start(site: Site) -> None:
    """One of the two may still be importing the project when it is told to end, and each starts many threads."""
    arguments = ["--wsgi", "--server", "granian", "--workers", "2"]
    with Serving(site.folder, *arguments) as serving, Stream(serving, "/version/") as stream:
        before = "one"
        for after in (f"version {number}" for number in range(10)):
            site.edit("mysite/views.py", f'"{before}"', f'"{after}"')
            until(partial(stream.has, after, 5))
            before = after


@every
def test_children_end_with_a_supervisor_that_is_killed(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments, "--workers", "2") as serving:
        serving.get("/version/")
        assert serving.end(signal.SIGKILL) == -signal.SIGKILL


@every
def test_control_c_lets_a_request_finish(site: Site, arguments: list[str]) -> None:
    site.edit("mysite/views.py", "    time.sleep(1)", "    open('entered', 'w').close()\n    time.sleep(1)")
    with Serving(site.folder, *arguments) as serving:
        connection = serving.connect()
        connection.request("GET", "/slow/")
        until(Path(site.folder, "entered").exists)
        code: list[int] = []
        ending = threading.Thread(target=lambda: code.append(serving.end(signal.SIGINT)))
        ending.start()
        assert connection.getresponse().read() == b"one"
        connection.close()
        ending.join(60)
        assert code == [0]


@every
def test_a_project_that_cannot_be_loaded_is_served_once_it_can(site: Site, arguments: list[str]) -> None:
    views = site.read("mysite/views.py")
    site.write("mysite/views.py", "import nowhere_to_be_found\n")
    with Serving(site.folder, *arguments) as serving:
        serving.wait_for("ModuleNotFoundError: No module named 'nowhere_to_be_found'")
        status, body = serving.request("/version/")
        assert status == 503
        assert "nowhere_to_be_found" in body
        site.write("mysite/views.py", views)
        until(lambda: serving.request("/version/") == (200, "one"))


@every
def test_a_worker_that_dies_again_and_again_is_waited_for(site: Site, arguments: list[str]) -> None:
    views = site.read("mysite/views.py")
    site.write("mysite/views.py", "import os\nos._exit(7)\n")
    with Serving(site.folder, *arguments) as serving:
        serving.wait_for("times now. Next try in")
        site.write("mysite/views.py", views)
        until(lambda: serving.request("/version/") == (200, "one"))


@every
def test_a_worker_that_dies_while_it_serves_is_replaced(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments) as serving:
        before = serving.get("/who/")
        with pytest.raises((http.client.HTTPException, OSError)):
            serving.request("/die/")
        until(lambda: not alive_pid(int(before)))
        until(lambda: serving.request("/version/") == (200, "one"))


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="Debian's mod_wsgi embeds Debian's Python 3.11")
def test_mod_wsgi(site: Site) -> None:
    with Serving(site.folder, "--server", "mod_wsgi", "--workers", "2") as serving:
        until(lambda: listens(serving))
        assert serving.get("/interface/") == "wsgi"
        serving.wait_for('"GET /interface/ HTTP/1.1" 200 4')
        with Stream(serving, "/version/") as stream:
            until(lambda: stream.count("one") > 5)
            site.edit("mysite/views.py", '"one"', '"two"')
            until(lambda: stream.count("two") > 5)
        views = site.read("mysite/views.py")
        site.write("mysite/views.py", "import nowhere_to_be_found\n")
        serving.wait_for("ModuleNotFoundError: No module named 'nowhere_to_be_found'")
        site.write("mysite/views.py", views)
        until(lambda: listens(serving) and serving.request("/version/") == (200, "two"))
        assert serving.end(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(not EXPRESS.is_dir(), reason="mod_wsgi is not built for this Python: tools/mod-wsgi.sh")
def test_mod_wsgi_express_comes_before_the_distributions_module(site: Site) -> None:
    with Serving(site.folder, "--server", "mod_wsgi", "--threads", "2", PYTHONPATH=str(EXPRESS)) as serving:
        until(lambda: listens(serving))
        version = metadata.Distribution.at(next(EXPRESS.glob("mod_wsgi-*.dist-info"))).version
        assert f"WSGI on Apache's mod_wsgi {version} " in serving.output
        assert serving.get("/interface/") == "wsgi"
        configuration = Path(site.folder, ".gateway/mod_wsgi/apache.conf").read_text()
        assert f'LoadModule wsgi_module "{EXPRESS}/mod_wsgi/server/mod_wsgi-py' in configuration
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: serving.request("/version/") == (200, "two"))
