"""The web server in front: what it is started with. Its files come from the templates of gatewaydeploy."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..deploy import fronts, installed
from ..deploy import project as deployed
from ..deploy import values as deployment
from ..deploy.quoting import QuotingError
from ..deploy.validation import base as tools
from ..deploy.values import Address, Folder, Front, FrontProcess, Upstream
from ..proxies import Proxy
from ..servers.base import Certificate, Command, ServerError
from ..servers.options import Options

if TYPE_CHECKING:
    from .plan import Listening

LOG = "access.log"
_SITE = "site.conf"


class FrontError(ServerError):
    """The proxy can't serve as asked; the message says why, in its own words where it has some."""


@dataclass(frozen=True, kw_only=True)
class Fronted:
    """A proxy, where it listens, and what its files are made of."""

    proxy: Proxy
    version: str
    listening: Listening
    values: Front
    #: The proxy's own.
    folder: Path

    @property
    def url(self) -> str:
        """Where the project answers, as somebody here opens it."""
        return self.listening.address.reachable.url("https" if self.values.tls else "http")

    @property
    def advice(self) -> str:
        """What the project's settings lack for it; "" for nothing."""
        if not self.values.tls or deployed.read().ssl_header:
            return ""
        return (
            "Django takes these requests for plain HTTP, and refuses forms for it. Behind a proxy with HTTPS, add to "
            'the settings: SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")'
        )

    @property
    def static(self) -> Path:
        return self.folder / "static"

    def command(self) -> Command:
        """Raises FrontError."""
        try:
            files = self._files()
        except QuotingError as error:
            raise FrontError(str(error)) from error
        return Command(
            argv=self.proxy.argv(self.folder),
            env=self.proxy.environment(self.folder, self.listening.descriptor),
            files=files,
        )

    def check(self) -> None:
        """Write the files and let the proxy look at them. Raises FrontError with what it says of them."""
        for path, text in self.command().files.items():
            path.write_text(text, encoding="utf-8")
        environment = self.proxy.environment(self.folder, self.listening.descriptor)
        environment.pop(self.proxy.inherits or "", None)
        argv = self.proxy.wrap(self.proxy.check_argv(self.folder))
        done = tools.run(argv, folder=self.folder, **environment)
        if done.code != 0:
            said = "\n".join(self.proxy.complaints(done.lines)[:10])
            raise FrontError(f"{self.proxy.title} rejects its configuration ({' '.join(argv)}):\n{said}")

    def _files(self) -> dict[Path, str]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        process = msgspec.structs.replace(
            installed.front_process(str(self.folder), self.proxy.error_log(self.folder)),
            user="root" if os.geteuid() == 0 else "",
        )
        return {self.folder / name: text for name, text in _rendered(self.proxy.name, process, self.values).items()}


def _rendered(name: str, process: FrontProcess, front: Front) -> dict[str, str]:
    site = f"{process.folder}/{_SITE}"
    opening = {"opening": ("Written by gatewayserve; gatewaydeploy writes the same for a deployed site.",)}
    if name == "caddy":
        return {"Caddyfile": fronts.caddy_site(front, process=process)}
    if name == "apache":
        return {"httpd.conf": fronts.apache_process(process, front, site), _SITE: fronts.apache_site(front)}
    return {"nginx.conf": fronts.nginx_process(process, site), _SITE: fronts.nginx_site(front, opening)}


def asked_of_server(options: Options) -> Options:
    """The options that are the server's affair: the proxy speaks TLS. Raises FrontError."""
    if options.behind is None:
        if options.max_body is not None or options.timeout is not None or not options.buffering:
            raise FrontError("--max-body, --timeout and --nobuffering are for a web server in front: add --behind.")
        return options
    if options.unix is not None:
        raise FrontError("--behind listens on an address, and puts the server on a Unix socket: leave --unix out.")
    return replace(options, https=False, cert=None, key=None)


def plan(
    proxy: Proxy,
    options: Options,
    *,
    version: str,
    listening: Listening,
    serving: Listening,
    certificate: Certificate | None,
    interface: str,
    folder: Path,
) -> Fronted:
    """``listening`` is the public address, ``serving`` the server's."""
    host, port = listening.numeric
    upstream = Upstream(address=Address(serving.numeric[1], serving.numeric[0]))
    if serving.path is not None:
        upstream = Upstream(path=str(serving.path))
    front = Front(
        name="gateway",
        listen=(Address(port, host),),
        tls=certificate is not None,
        certificate=None
        if certificate is None
        else deployment.Certificate(str(certificate.chain), str(certificate.key)),
        http2_directive=(installed.nginx_version() or (9,)) >= (1, 25, 1),
        upstreams=(upstream,),
        folders=tuple(folders(options, folder / "static")),
        websocket=interface == "asgi",
        keepalive=False,
        buffering=options.buffering,
        request_buffering=options.buffering,
        max_body=options.max_body or 32 * 1024 * 1024,
        timeout=options.timeout or 65,
        log=str(folder / LOG),
        timed=True,
    )
    return Fronted(proxy=proxy, version=version, listening=listening, values=front, folder=folder)


def folders(options: Options, static: Path) -> list[Folder]:
    """What the proxy serves itself; ``static`` is where links to the static files of development are."""
    project = deployed.read()
    found = []
    if options.static and project.has_static and project.static_url:
        if project.debug or options.insecure:
            found.append(Folder(project.static_url, str(static), links=True))
        elif project.static_root is not None:
            found.append(Folder(project.static_url, str(project.static_root)))
    if options.static and project.media_root is not None and project.media_url:
        found.append(Folder(project.media_url, str(project.media_root), uploaded=True))
    return found
