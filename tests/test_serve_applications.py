"""Applications that are not Django's, under gatewayserve."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from every_server import recorded
from serving import Serving, Site, listens, until


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


FOUR_LINES = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
FLASK = """
from flask import Flask, request

application = Flask(__name__)


@application.post("/greet/<name>")
def greet(name):
    return {"hello": name, "from": request.form["from"]}
"""
ASGI = """
async def application(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@pytest.mark.parametrize(
    "arguments",
    ["--wsgi", "--wsgi --server gunicorn", "--server waitress", "--server uwsgi", "--wsgi --server granian", "--cgi"],
)
def test_an_application_that_is_not_djangos(site: Site, arguments: str) -> None:
    site.write("hello.py", FOUR_LINES)
    with Serving(site.folder, *arguments.split(), "--application", "hello:application") as serving:
        until(lambda: listens(serving))
        assert serving.get("/anything/") == "hello"
        exchange = recorded(site, "/anything/")
        assert (exchange.status, exchange.match, exchange.interface) == (
            200,
            None,
            "cgi" if arguments == "--cgi" else "wsgi",
        )


@pytest.mark.parametrize(
    "arguments", ["--wsgi", "--server gunicorn --threads 2", "--server cheroot", "--server waitress"]
)
def test_a_flask_application(site: Site, arguments: str) -> None:
    site.write("greeting.py", FLASK)
    with Serving(site.folder, *arguments.split(), "--application", "greeting:application") as serving:
        answer = httpx.post(f"{serving.url}greet/ada", data={"from": "grace"}, trust_env=False, timeout=30)
        assert answer.json() == {"hello": "ada", "from": "grace"}
        exchange = recorded(site, "/greet/ada")
        assert (exchange.method, exchange.status) == ("POST", 200)
        assert (exchange.sizes.request_bytes, exchange.sizes.body_bytes) == (10, len(answer.content))
        assert serving.request("/nowhere/")[0] == 404
        assert recorded(site, "/nowhere/").status == 404


@pytest.mark.parametrize("arguments", ["--server uvicorn", "--server daphne", "--server hypercorn"])
def test_an_asgi_application_that_is_not_djangos(site: Site, arguments: str) -> None:
    site.write("hello.py", ASGI)
    with Serving(site.folder, *arguments.split(), "--application", "hello:application") as serving:
        assert serving.get("/anything/") == "hello"
        exchange = recorded(site, "/anything/")
        assert (exchange.status, exchange.match, exchange.interface) == (200, None, "asgi")
