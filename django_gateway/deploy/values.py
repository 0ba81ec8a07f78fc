"""What the templates are filled with: frozen values, each checked before it gets here."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

#: What carries a request's id from the proxy to the application.
REQUEST_ID = "X-Request-ID"


class Address(msgspec.Struct, frozen=True):
    """Where something listens; an empty host is every address, IPv4 and IPv6."""

    port: int
    host: str = ""

    @property
    def bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.bracketed}:{self.port}"


class Upstream(msgspec.Struct, frozen=True):
    """Where an application server answers plain HTTP: a Unix socket's path, or an address."""

    path: str = ""
    address: Address | None = None

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else str(self.address)


class Certificate(msgspec.Struct, frozen=True):
    """PEM files: the certificate with what leads to its authority, and its private key."""

    chain: str
    key: str


class Folder(msgspec.Struct, frozen=True):
    """Files that the proxy serves itself: a URL path with a slash on both ends, and an absolute path."""

    url: str
    path: str
    #: Written by the site's users, so never to be run by a browser.
    uploaded: bool = False
    #: Its files are symbolic links to where they really are.
    links: bool = False

    @property
    def bare(self) -> str:
        """The path without the slash at its end."""
        return self.path.rstrip("/") or "/"

    @property
    def pattern(self) -> str:
        """What Caddy matches a URL path with."""
        return f"{self.url}*"

    @property
    def slashed(self) -> str:
        return self.path.rstrip("/") + "/"


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """A web server in front of application servers."""

    #: Letters, digits, ``_`` and ``-``; in a configuration of several sites it keeps their names apart.
    name: str
    #: Host names, ``.example.org`` for a domain with all below it; none for any.
    server_names: tuple[str, ...] = ()
    listen: tuple[Address, ...]
    #: Where plain HTTP is answered with the HTTPS address.
    redirect: tuple[Address, ...] = ()
    #: Speak TLS with it. Caddy makes its own where ``tls`` is set and this is None.
    certificate: Certificate | None = None
    tls: bool = False
    http2: bool = True
    #: nginx 1.25.1 and newer: a directive in place of a parameter of ``listen``.
    http2_directive: bool = False
    upstreams: tuple[Upstream, ...]
    folders: tuple[Folder, ...] = ()
    websocket: bool = True
    #: Use a connection to the application again; uWSGI closes each one without a word, and so does a worker that a
    #: saved file replaces.
    keepalive: bool = True
    #: Take the whole response from the application at once, for a client that reads slowly.
    buffering: bool = True
    #: Take the whole request from a slow client before the application is asked.
    request_buffering: bool = True
    #: Bytes of a request's body, 0 for any number.
    max_body: int = 32 * 1024 * 1024
    #: Seconds that the application has between two pieces of its answer.
    timeout: int = 65
    #: The value of Strict-Transport-Security for what the application does not answer; "" for none.
    hsts: str = ""
    #: Networks of proxies in front of this one, whose X-Forwarded-For and X-Forwarded-Proto hold.
    trusted: tuple[str, ...] = ()
    #: What the server's own directive for a log takes: a path, and for nginx ``syslog:server=unix:…``; "" for none.
    log: str = ""
    #: Tell the application when it was asked, in X-Request-Start: how long a request waited for a worker follows.
    timed: bool = False

    @property
    def identifier(self) -> str:
        """The name as a part of variables."""
        return re.sub(r"\W", "_", self.name, flags=re.ASCII)

    @property
    def has_several(self) -> bool:
        return len(self.upstreams) > 1


class FrontProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy as a process of its own, for anybody: all that it writes is in one folder."""

    folder: str
    #: Where the program listens is in the site's own file; Apache wants it said apart.
    error_log: str = "error.log"
    workers: int = 1
    #: Whom nginx's workers are to be, where root starts it.
    user: str = ""
    #: nginx's list of media types; Apache's is ``types``.
    mime_types: str = "/etc/nginx/mime.types"
    types: str = "/etc/mime.types"
    #: Where Apache's modules are, and the names of those built into it.
    modules: str = "/usr/lib/apache2/modules"
    built_in: tuple[str, ...] = ()
    #: Load mod_wsgi too.
    wsgi: bool = False


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """An application server: which one, what it runs, and where it listens."""

    #: A key of ``servers.SERVERS``, or "mod_wsgi".
    kind: str
    name: str
    interface: Literal["wsgi", "asgi"]
    module: str
    attribute: str
    settings_module: str
    #: The project's folder on the server, and its virtual environment.
    root: str
    venv: str
    #: The folder of all that is generated, below ``root``: "deploy", "ops/deploy"; "" for ``root`` itself.
    folder: str = "deploy"
    bind: Upstream
    workers: int = 2
    threads: int = 4
    #: Seconds until a worker that does not answer is replaced.
    timeout: int = 60
    #: Addresses of proxies whose X-Forwarded headers hold.
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")

    @property
    def application(self) -> str:
        return f"{self.module}:{self.attribute}"

    @property
    def depth(self) -> int:
        """How many folders the project is above the folder of the server's own file."""
        return len([part for part in self.folder.split("/") if part]) + 1

    @property
    def bind_text(self) -> str:
        """``host:port`` with a host that is never empty, or the path of a socket."""
        address = self.bind.address
        return self.bind.path if address is None else str(Address(address.port, self.bind_host))

    @property
    def bind_host(self) -> str:
        address = self.bind.address
        return "" if address is None else address.host or "0.0.0.0"
