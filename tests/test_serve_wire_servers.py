"""gatewayserve --wire with every kind of server, socket and proxy, and through its own end."""

from __future__ import annotations

import http.client
import json
import signal
import tempfile
from pathlib import Path

import httpx
import pytest

from django_gateway.arrival import arrival
from django_gateway.supervisor.addresses import Address
from django_gateway.supervisor.sockets import own_address
from every_server import refused
from serving import Serving, Site, listens, until
from wires import ask_many, numbers_agree, project, serving_wire, wired

PROXIES = ["nginx", "apache", "caddy"]

# Other ways to serve


def test_a_client_of_this_machine_keeps_its_address_whichever_that_is(tmp_path: Path) -> None:
    site = project(tmp_path)
    with Serving(site.folder, "--server", "uvicorn", "--wire", port="0.0.0.0:0") as serving:
        serving.wait_for("takes a client of another machine for an address from 127.128.0.1 on")
        machine = own_address(Address("0.0.0.0", 0))
        for address in ["127.0.0.1", *([machine.host] if machine is not None else [])]:
            connection = http.client.HTTPConnection(address, serving.port, timeout=30)
            connection.request("GET", "/who/", headers={"Host": "localhost"})
            assert json.loads(connection.getresponse().read())["address"] == address
            connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["--wsgi", "--server uwsgi", "--wsgi --server granian", "--server daphne"])
def test_servers_that_tell_no_port(tmp_path: Path, arguments: str) -> None:
    with serving_wire(tmp_path, arguments) as (serving, site):
        # uWSGI ends each connection after a response without a word about that.
        ask_many(serving, 60, kept=0, base_url=serving.url)
        numbers_agree(site, 60)


@pytest.mark.slow
def test_a_server_that_binds_its_address_itself_is_waited_for(tmp_path: Path) -> None:
    site = project(tmp_path)
    with Serving(site.folder, "--cgi", "--server", "apache", "--wire") as serving:
        # The relay is there at once, and Apache a moment later: nobody is turned away meanwhile.
        until(lambda: listens(serving))
        assert serving.request("/answer/?mark=first") == (299, "answer")
        assert wired(site, "mark=first").interface == "cgi"


def test_on_a_unix_socket(tmp_path: Path) -> None:
    site = project(tmp_path / "site")
    with tempfile.TemporaryDirectory(prefix="gw") as folder:
        path = f"{folder}/socket"
        # Gunicorn behind, which is on TCP then; its client is the relay.
        with Serving(
            site.folder, "--wsgi", "--server", "gunicorn", "--threads", "4", "--unix", path, "--wire", port=""
        ) as serving:
            assert serving.url == f"unix:{path}"
            ask_many(serving, 200, base_url="http://localhost", transport=httpx.AsyncHTTPTransport(uds=path))
            numbers_agree(site, 200)
        assert not Path(path).exists()


@pytest.mark.slow
def test_reload_and_the_end(tmp_path: Path) -> None:
    with serving_wire(tmp_path, "--wsgi --server gunicorn --threads 2") as (serving, site):
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: serving.get("/version/") == "two")
        relay = next(process for process in serving.family() if "django_gateway.wire" in process.cmdline())
        relay.kill()
        until(lambda: listens(serving) and serving.request("/version/?mark=again") == (200, "two"))
        serving.wait_for("The relay of --wire ")
        wired(site, "mark=again")
        assert serving.end(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.parametrize("proxy", PROXIES)
def test_in_front_of_a_proxy(tmp_path: Path, proxy: str) -> None:
    with serving_wire(tmp_path, f"--wsgi --server gunicorn --threads 4 --behind {proxy}") as (serving, site):
        ask_many(serving, 60, base_url=serving.url)
        numbers_agree(site, 60)
        answer = httpx.get(f"{serving.url}answer/?mark=proxy", trust_env=False)
        exchange = wired(site, "mark=proxy", "proxy")
        arrived = arrival(exchange)
        assert arrived is not None
        # nginx says its own name, Apache the server's, and Caddy both.
        told = [("gunicorn", "server")] if proxy != "nginx" else []
        told += [(name, "proxy") for name in answer.headers.get_list("server", split_commas=True) if name != "gunicorn"]
        assert sorted((one.value, one.by) for one in arrived.added if one.name == "Server") == sorted(told)
        assert len(told) == (2 if proxy == "caddy" else 1)
        assert exchange.parts["proxy"]["name"] == proxy
        assert exchange.handover is not None
        handed = dict(exchange.handover.entries)
        assert handed["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
        assert handed["HTTP_X_FORWARDED_PORT"] == str(serving.port)


def test_refused_where_nothing_is_recorded(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.settings("GATEWAY = {'ENABLED': False}")
    assert "recording is off" in refused(site.folder, "--wire")
