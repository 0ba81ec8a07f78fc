"""What gatewayserve --behind refuses, in one clear message and before anything is started."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest
import trustme

import fronting
from django_gateway import proxies
from django_gateway.proxies import apache, caddy, nginx
from django_gateway.servers import ServerError, program
from fronting import Fronted
from serving import Site
from test_serve_refusals import refused


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return fronting.make(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--behind", "iis"], "There is no proxy called 'iis'. Known proxies: apache, caddy, nginx."),
        (["--behind", "nginx", "--unix", "x.sock"], "--behind listens on an address, and puts the server on a Unix"),
        (["--timeout", "3"], "--max-body, --timeout and --nobuffering are for a web server in front: add --behind."),
        (["--nobuffering"], "--max-body, --timeout and --nobuffering are for a web server in front: add --behind."),
        (["--behind", "nginx", "--key", "key.pem"], "--key goes with --cert."),
        (["--behind", "nginx", "--cert", "nowhere.pem"], "/"),
    ],
)
def test_messages(site: Site, arguments: list[str], message: str) -> None:
    said = refused(site, "0", *arguments)
    assert said.startswith(message)
    assert "\n" not in said


def test_a_port_that_is_taken(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for proxy in proxies.NAMES:
            said = refused(site, str(port), "--behind", proxy)
            assert said.startswith(f"Port {port} is taken by process {os.getpid()} (")


def test_a_certificate_that_does_not_fit_its_key(site: Site) -> None:
    authority = trustme.CA()
    one, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    (site.folder / "one.pem").write_bytes(one.cert_chain_pems[0].bytes())
    (site.folder / "other.pem").write_bytes(other.private_key_pem.bytes())
    said = refused(site, "0", "--behind", "nginx", "--cert", "one.pem", "--key", "other.pem")
    assert "is no certificate: key values mismatch" in said


def test_a_configuration_that_the_proxys_own_check_rejects(tmp_path: Path) -> None:
    site = fronting.make(tmp_path / "site")
    site.settings("MEDIA_URL = STATIC_URL")
    said = refused(site, "0", "--behind", "nginx")
    assert said.startswith("nginx rejects its configuration (/")
    assert 'duplicate location "/static/" in ' in said
    assert f"{site.folder}/.gateway/nginx/site.conf:" in said
    assert not (site.folder / ".gateway" / "nginx" / "application.sock").exists()


def test_a_path_that_the_proxy_has_no_spelling_for(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "with $dollar"
    folder.mkdir()
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    said = refused(site, "0", "--behind", "nginx", "--cert", str(folder / "both.pem"))
    assert "a path without $ is needed" in said


@pytest.mark.parametrize("proxy", [nginx.proxy, apache.proxy, caddy.proxy], ids=lambda proxy: proxy.name)
def test_a_program_that_is_missing(monkeypatch: pytest.MonkeyPatch, proxy: proxies.Proxy) -> None:
    monkeypatch.setattr(program, "_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        ServerError, match=rf"{proxy.title} is not installed. To install it: apt install {proxy.package}"
    ):
        proxy.version()


def test_a_socket_that_is_left_is_replaced_and_one_that_lives_is_not(site: Site) -> None:
    folder = site.folder / ".gateway" / "nginx"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "application.sock"))
    with Fronted(site, "nginx") as serving:
        assert serving.get("/version/") == "one"
        said = refused(site, "0", "--behind", "nginx")
        assert said.startswith(f"Somebody listens on {folder / 'application.sock'} already.")
        assert serving.get("/version/") == "one"
    assert not (folder / "application.sock").exists()
