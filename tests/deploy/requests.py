"""The conformance list: what every deployed chain is asked, from outside, over TLS."""

from __future__ import annotations

import hashlib
import http.client
import secrets
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from secure import SecureWebSocket
from serving import DEADLINE

BIG: Final = bytes(range(256)) * 80 * 1024  # 20 MiB
#: What a client writes to pass for the proxy, or for somebody else.
LIES: Final = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "6666",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "6.6.6.6",
    "X-Request-ID": "of-my-own",
    "Forwarded": "for=6.6.6.6;proto=http",
    "X_Forwarded_For": "6.6.6.6",
    "X_Forwarded_Proto": "gopher",
    "X_Real_IP": "6.6.6.6",
    "Proxy": "http://evil.example/",
}
SECURITY: Final = {
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=3600",
}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self.path)


class Site:
    """A deployed site, as a client sees it."""

    def __init__(self, port: int, authority: Path, *, host: str = "localhost", redirect: int = 0) -> None:
        self.host, self.port, self.redirect = host, port, redirect
        #: The client's, as the proxy sees it.
        self.client_address = "127.0.0.1"
        self.context = ssl.create_default_context(cafile=str(authority))
        self.url = f"https://{host}:{port}"

    def client(self, *, http2: bool = True) -> httpx.Client:
        context = ssl.create_default_context()
        context.load_verify_locations(cadata="".join(ssl.DER_cert_to_PEM_cert(one) for one in self._authorities()))
        return httpx.Client(base_url=self.url, verify=context, http2=http2, trust_env=False, timeout=DEADLINE)

    def _authorities(self) -> list[bytes]:
        return self.context.get_ca_certs(binary_form=True)


def pages(site: Site) -> None:
    with site.client() as client:
        answer = client.get("/")
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
        for name, value in {
            **SECURITY,
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
        }.items():
            assert answer.headers.get_list(name) == [value], name
        assert client.head("/").headers["content-type"] == answer.headers["content-type"]
        assert client.get("/absent/").status_code == 404
    with site.client(http2=False) as client:
        assert client.get("/").http_version == "HTTP/1.1"


def addresses(site: Site) -> None:
    with site.client() as client:
        told = client.get("/echo/caf%C3%A9%20x/?q=%C3%A9&q=2").json()
        assert (told["path"], told["query"]) == ("/echo/café x/", "q=%C3%A9&q=2")
        assert (told["host"], told["secure"]) == (f"{site.host}:{site.port}", True)
        assert client.get("/", headers={"Host": "evil.example"}).status_code in (400, 421)


def slashes(site: Site) -> None:
    """%2F reaches the application, which takes it for a slash as Django does."""
    with site.client() as client:
        assert client.get("/echo/a%2Fb").json()["path"] == "/echo/a/b"


def lies(site: Site) -> None:
    for http2 in (True, False):
        with site.client(http2=http2) as client:
            meta = client.get("/echo/", headers=LIES).json()
        told = "\n".join(f"{name}={value}" for name, value in meta["meta"].items())
        assert meta["secure"]
        for lie in ("6.6.6.6", "gopher", "evil", "of-my-own", "6666"):
            assert lie not in told, told
        assert meta["meta"]["HTTP_X_FORWARDED_FOR"] == site.client_address
        assert len(meta["meta"]["HTTP_X_REQUEST_ID"]) >= 16


def forms(site: Site) -> None:
    """Django's own CSRF check: the token, and an Origin that has to be the address as the browser knows it."""
    with site.client() as client:
        form = client.get("/admin/login/")
        token = form.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        data = {"username": "nobody", "password": "x", "csrfmiddlewaretoken": token}
        origin = {"Origin": site.url, "Referer": f"{site.url}/admin/login/"}
        assert client.post("/admin/login/", data=data, headers=origin).status_code == 200
        origin["Origin"] = "https://evil.example"
        assert client.post("/admin/login/", data=data, headers=origin).status_code == 403


def static_files(site: Site) -> None:
    with site.client() as client:
        answer = client.get("/static/style.css")
        assert answer.status_code == 200
        assert answer.text.startswith("body { color: rebeccapurple }")
        assert answer.headers["content-type"].startswith("text/css")
        assert answer.headers["content-encoding"] == "gzip"
        for name, value in SECURITY.items():
            assert answer.headers.get_list(name) == [value], name
        assert "max-age=3600" in answer.headers["cache-control"]
        assert client.get("/static/absent.css").status_code == 404
        assert client.get("/static/").status_code in (403, 404)
        for climb in ("/static/../mysite/settings.py", "/static../mysite/settings.py", "/static/%2e%2e/manage.py"):
            assert "DJANGO_SETTINGS_MODULE" not in client.get(climb).text
        hashed = client.get("/static/staticfiles.json").json()["paths"]["style.css"]
        answer = client.get(f"/static/{hashed}")
        assert int(answer.headers["cache-control"].split("max-age=")[1].split(",")[0]) >= 31_536_000


def uploads(site: Site) -> None:
    with site.client() as client:
        told = client.post("/upload/", files={"file": ("big.bin", BIG)}).json()
        assert (told["size"], told["sha256"]) == (len(BIG), hashlib.sha256(BIG).hexdigest())
        script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
        kept = client.post("/upload/", files={"file": ("a b.svg", script)}, data={"keep": "1"}).json()["kept"]
        answer = client.get(f"/media/{kept}")
        assert answer.content == script
        assert "script-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def too_much(site: Site) -> None:
    """More than 32 MiB is refused as soon as the client says how much it has."""
    with (
        socket.create_connection((site.host, site.port), DEADLINE) as plain,
        site.context.wrap_socket(plain, server_hostname=site.host) as client,
    ):
        size = 33 * 1024 * 1024
        client.sendall(f"POST /upload/ HTTP/1.1\r\nHost: {site.host}\r\nContent-Length: {size}\r\n\r\n".encode())
        assert client.recv(65536).split()[1] == b"413"


def streams(site: Site) -> None:
    gate = secrets.token_hex(8)
    with site.client() as client, client.stream("GET", f"/stream/{gate}/") as answer:
        pieces = answer.iter_raw()
        begun = next(pieces)
        assert begun == b"begun "
        assert client.get(f"/gate/{gate}/").status_code == 204
        assert b"".join(pieces) == b"ended"


def plain_http(site: Site) -> None:
    with httpx.Client(trust_env=False, timeout=DEADLINE) as client:
        answer = client.get(f"http://{site.host}:{site.redirect}/echo/?a=b")
        assert answer.status_code == 308
        assert answer.headers["location"] == f"{site.url}/echo/?a=b"


def web_sockets(site: Site) -> None:
    address = f"wss://{site.host}:{site.port}/socket/"
    with SecureWebSocket(address, site.context, site.url) as client:
        for message in ("grüße", "x" * 100_000, b"\x00\xff"):
            client.send(message)
            assert client.recv() == message


LIST: Final[tuple[Callable[[Site], None], ...]] = (
    pages,
    addresses,
    slashes,
    lies,
    forms,
    static_files,
    uploads,
    too_much,
    streams,
    plain_http,
)


def ask_everything(site: Site, *, asgi: bool) -> None:
    for question in LIST:
        question(site)
    if asgi:
        web_sockets(site)
