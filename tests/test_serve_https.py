"""Each server that can under gatewayserve with HTTPS."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from django_gateway.servers.base import Certificate
from django_gateway.stores import open_store
from django_gateway.supervisor.addresses import Address
from django_gateway.supervisor.validity import remarks
from every_server import get_from, recorded, refused, those
from serving import Serving, Site, until

#: What speaks HTTP/2 over TLS. Gunicorn's sync worker does not.
HTTP2 = ("daphne", "gunicorn --threads", "--asgi --server gunicorn", "granian", "hypercorn")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def version_over_http2(serving: Serving, trusting: ssl.SSLContext) -> str:
    """While workers are replaced, Gunicorn and Granian may send a new connection away, or cut it off: then nothing."""
    with (
        httpx.Client(http2=True, verify=trusting, trust_env=False, timeout=30) as client,
        suppress(httpx.ProtocolError, httpx.NetworkError),
    ):
        return client.get(f"{serving.url}version/").raise_for_status().text
    return ""


@pytest.mark.parametrize("arguments", those("https"), ids=" ".join)
def test_https(site: Site, arguments: list[str]) -> None:
    with Serving(site.folder, *arguments, "--https") as serving:
        assert serving.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=f"{site.folder}/.gateway/certificates/authority.pem")
        for host in ("127.0.0.1", "localhost"):
            connection = http.client.HTTPSConnection(host, serving.port, timeout=30, context=trusting)
            assert get_from(connection, "/version/") == "one"
        spoken = "HTTP/2" if any(which in " ".join(arguments) for which in HTTP2) else "HTTP/1.1"
        with httpx.Client(http2=True, verify=trusting, base_url=serving.url, trust_env=False, timeout=30) as client:
            answers = [client.get("/version/"), client.get("/interface/"), client.get("/nowhere/")]
        assert [answer.status_code for answer in answers] == [200, 200, 404]
        assert answers[0].text == "one"
        assert {answer.http_version for answer in answers} == {spoken}
        site.edit("mysite/views.py", '"one"', '"two"')
        until(lambda: version_over_http2(serving, trusting) == "two")
        handover = recorded(site, "/nowhere/").handover
        assert handover is not None
        handed = dict(handover.entries)
        assert "https" in (handed.get("wsgi.url_scheme"), handed.get("scheme"))
    key = Path(f"{site.folder}/.gateway/certificates/key.pem")
    assert key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("arguments", ["--server daphne", "--server hypercorn", "--asgi --server granian"])
def test_streams_of_one_http2_connection_at_the_same_time(site: Site, arguments: str) -> None:
    with Serving(site.folder, *arguments.split(), "--https") as serving:
        trusting = ssl.create_default_context(cafile=f"{site.folder}/.gateway/certificates/authority.pem")

        async def ask() -> list[httpx.Response]:
            one_connection = httpx.Limits(max_connections=1)
            async with httpx.AsyncClient(
                http2=True, verify=trusting, base_url=serving.url, trust_env=False, timeout=30, limits=one_connection
            ) as client:
                return await asyncio.gather(*(client.get(f"/interface/?n={number}") for number in range(20)))

        answers = asyncio.run(ask())
        assert [(answer.http_version, answer.text) for answer in answers] == [("HTTP/2", "asgi")] * 20
        store = open_store(f"sqlite:///{site.folder}/.gateway/exchanges.sqlite3")
        until(lambda: {one.query for one in store.page(limit=100)} >= {f"n={number}" for number in range(20)})
        store.close()


def test_https_while_the_project_cannot_be_loaded(site: Site) -> None:
    site.write("mysite/views.py", "import nowhere_to_be_found\n")
    with Serving(site.folder, "--server", "uvicorn", "--https") as serving:
        serving.wait_for("Waiting for a change.")
        trusting = ssl.create_default_context(cafile=f"{site.folder}/.gateway/certificates/authority.pem")
        connection = http.client.HTTPSConnection("localhost", serving.port, timeout=30, context=trusting)
        connection.request("GET", "/version/")
        response = connection.getresponse()
        assert response.status == 503
        assert b"nowhere_to_be_found" in response.read()
        connection.close()


def test_a_certificate_that_does_not_fit_its_key(site: Site) -> None:
    import trustme

    authority = trustme.CA()
    one, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    one.cert_chain_pems[0].write_to_path(site.folder / "cert.pem")
    other.private_key_pem.write_to_path(site.folder / "key.pem")
    said = refused(site.folder, "--server", "gunicorn", "--cert", "cert.pem", "--key", "key.pem")
    assert "is no certificate: key values mismatch" in said


# Somebody's own certificate


def own_certificate(site: Site, *names: str, **dates: Any) -> list[str]:
    """Options with a certificate for these names."""
    issued = trustme.CA().issue_cert(*names, **dates)
    issued.private_key_and_cert_chain_pem.write_to_path(site.folder / "own.pem")
    return ["--cert", "own.pem"]


def test_a_certificate_that_fits_is_served_without_a_word(site: Site) -> None:
    with Serving(site.folder, "--server", "uvicorn", *own_certificate(site, "localhost")) as serving:
        assert serving.url.startswith("https://")
        assert "own.pem" not in serving.output


def test_a_certificate_that_has_expired_or_is_for_another_host_is_told(site: Site) -> None:
    past = datetime.now(UTC) - timedelta(days=3)
    options = own_certificate(site, "example.org", not_before=past - timedelta(days=3), not_after=past)
    with Serving(site.folder, "--server", "uvicorn", *options) as serving:
        serving.wait_for(f"own.pem has expired on {past:%Y-%m-%d}: clients refuse it.")
        serving.wait_for("own.pem is for example.org, not for 127.0.0.1: ask for it by that name.")


@pytest.mark.parametrize(
    ("name", "host", "fits"),
    [
        ("*.example.org", "www.example.org", True),
        ("*.example.org", "example.org", False),
        ("example.org", "www.example.org", False),
        ("EXAMPLE.org", "example.org", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_names_of_certificates(site: Site, name: str, host: str, fits: bool) -> None:
    own_certificate(site, name)
    certificate = Certificate(site.folder / "own.pem", site.folder / "own.pem")
    said = remarks(certificate, Address(host, 8000))
    assert bool(said) is not fits
    early = remarks(certificate, Address(host, 8000), datetime(1999, 1, 1, tzinfo=UTC))
    assert "counts from" in early[0]
