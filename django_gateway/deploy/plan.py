"""Values from a project and options, consistent over all targets: one socket path, one set of names."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from . import hosts, installed
from . import project as projects
from .options import Options
from .project import STATIC_FOLDER, Project
from .quoting import QuotingError, checked
from .servers import SERVERS
from .values import Address, Certificate, Folder, Front, Server, Upstream

T = TypeVar("T")

FRONTS: Final = ("nginx", "apache", "mod_wsgi", "caddy")
#: What starts an application server, and so needs one.
STARTERS: Final = ("systemd", "docker", "kubernetes", "procfile")
EXAMPLE: Final = "example.org"
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,40}\Z")


class PlanError(Exception):
    """What is asked for does not go together, or a value is none; the message says so in one line."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    project: Project
    options: Options
    #: Those asked for, and the server that they need.
    targets: tuple[str, ...]
    #: The targets that were added.
    added: tuple[str, ...]
    front: Front
    server: Server
    #: Whether the host names are a guess.
    names_guessed: bool

    def moved(self, path: Path | None) -> str:
        """Where a path of this machine is on the server."""
        if path is None:
            return ""
        try:
            inside = path.relative_to(self.project.base)
        except ValueError:
            return str(path)
        return str(Path(self.server.root) / inside)


def make(project: Project, options: Options, folder: Path, known: Iterable[str]) -> Plan:
    """``folder`` is where the files go here, ``known`` the names of all targets. Raises PlanError, ProjectError."""
    targets, added = _targets(project, options, tuple(known))
    server = _server(project, options, targets, folder)
    front, guessed = _front(project, options, server)
    return Plan(
        project=project,
        options=options,
        targets=targets,
        added=added,
        front=front,
        server=server,
        names_guessed=guessed,
    )


def _targets(project: Project, options: Options, known: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    targets = tuple(dict.fromkeys(options.targets))
    for target in targets:
        if target not in known:
            raise PlanError(f"There is no target {target!r}. The targets are {', '.join(known)}; --list explains them.")
    fronts = [target for target in targets if target in FRONTS]
    servers = [target for target in targets if target in SERVERS]
    if len(fronts) > 1:
        raise PlanError(f"{' and '.join(fronts)} would listen at the same address: name one of them.")
    if len(servers) > 1:
        raise PlanError(f"{' and '.join(servers)} would serve at the same socket: name one of them.")
    starters = [target for target in targets if target in STARTERS]
    if "mod_wsgi" in targets and (servers or starters):
        raise PlanError(f"With mod_wsgi the application runs inside Apache: leave {(servers + starters)[0]} out.")
    if servers or not starters:
        return targets, ()
    server = "uvicorn" if _interface(project, options, None) == "asgi" else "gunicorn"
    return (*targets, server), (server,)


def _interface(project: Project, options: Options, kind: str | None) -> Literal["wsgi", "asgi"]:
    """As asked for; else as gatewayserve has it, where the server can do that."""
    can: tuple[str, ...] = ("wsgi", "asgi")
    if kind is not None:
        can = ("wsgi",) if kind == "mod_wsgi" else SERVERS[kind].interfaces
    if options.interface is not None:
        if options.interface not in can:
            raise PlanError(f"{kind} serves no {options.interface.upper()}: leave --{options.interface} out.")
        return options.interface
    return "asgi" if "asgi" in can and (project.asgi or "wsgi" not in can) else "wsgi"


def _server(project: Project, options: Options, targets: tuple[str, ...], folder: Path) -> Server:
    kind = next((target for target in targets if target in SERVERS or target == "mod_wsgi"), None)
    interface = _interface(project, options, kind)
    kind = kind or ("uvicorn" if interface == "asgi" else "gunicorn")
    module, attribute = projects.application(project, interface, options.application)
    if options.workers and kind in SERVERS and not SERVERS[kind].processes:
        raise PlanError(f"{SERVERS[kind].title} is one process: leave --workers out, and start it several times.")
    name = _name(project, options)
    root = options.root or str(project.base)
    try:
        inside = folder.relative_to(project.base).as_posix()
    except ValueError:
        inside = "deploy"
    for text in (root, inside, options.venv, options.socket):
        _read(checked, text)
    if not re.fullmatch(r"[A-Za-z0-9_.@-]*", options.user + options.proxy_group):
        raise PlanError("A user and a group are named with letters, digits, '_', '-' and '.'.")
    return Server(
        kind=kind,
        name=name,
        interface=interface,
        module=module,
        attribute=attribute,
        settings_module=project.settings_module,
        root=root,
        venv=options.venv or _venv(project, root),
        folder="" if inside == "." else inside,
        bind=_bind(options, name),
        workers=options.workers or 2,
        threads=options.threads or 4,
        timeout=options.timeout,
        proxies=tuple(_read(hosts.ip_address, text) for text in options.proxies) or ("127.0.0.1", "::1"),
    )


def _name(project: Project, options: Options) -> str:
    package = project.settings_module.partition(".")[0].lower().strip("_-")
    name = options.name or (package if _NAME.match(package) else "site")
    if not _NAME.match(name):
        raise PlanError(f"{name!r} is no name: it takes small letters, digits, '-' and '_', and starts with a letter.")
    return name


def _venv(project: Project, root: str) -> str:
    prefix = Path(sys.prefix)
    return str(Path(root) / prefix.relative_to(project.base)) if prefix.is_relative_to(project.base) else str(prefix)


def _bind(options: Options, name: str) -> Upstream:
    if options.bind and options.socket:
        raise PlanError("--bind and --socket are two places: give one of them.")
    if options.bind:
        return Upstream(address=_read(hosts.address, options.bind))
    if options.socket:
        return Upstream(path=options.socket)
    given = [_read(hosts.upstream, text) for text in options.upstreams]
    addresses = [one.address for one in given if one.address is not None]
    if addresses:
        # Each machine listens on all of its addresses: which one the proxy comes in by is that machine's affair.
        local = all(address.host in ("127.0.0.1", "::1", "localhost") for address in addresses)
        return Upstream(address=Address(addresses[0].port, addresses[0].host if local else ""))
    return given[0] if given else Upstream(path=f"/run/{name}/http.sock")


def _front(project: Project, options: Options, server: Server) -> tuple[Front, bool]:
    names, guessed = _server_names(project, options)
    tls = not options.plain
    if options.plain and (options.cert or options.key or options.redirect):
        raise PlanError("--plain is without TLS: leave --cert, --key and --redirect out.")
    if bool(options.cert) != bool(options.key):
        raise PlanError("--cert and --key go together.")
    listen = tuple(_read(hosts.address, text) for text in options.listen) or (Address(443 if tls else 80),)
    redirect = tuple(_read(hosts.address, text) for text in options.redirect)
    if tls and not options.listen and not redirect:
        redirect = (Address(80),)
    certificate = Certificate(options.cert, options.key) if options.cert else None
    if tls and certificate is None and "caddy" not in options.targets:
        live = f"/etc/letsencrypt/live/{names[0].removeprefix('.')}"
        certificate = Certificate(f"{live}/fullchain.pem", f"{live}/privkey.pem")
    version = options.nginx_version or installed.nginx_version()
    front = Front(
        name=server.name,
        server_names=names,
        listen=listen,
        redirect=redirect,
        tls=tls,
        certificate=certificate,
        http2_directive=version is None or version >= (1, 25, 1),
        upstreams=tuple(_read(hosts.upstream, text) for text in options.upstreams) or (_local(server.bind),),
        folders=tuple(_folders(project, server)),
        websocket=server.interface == "asgi",
        keepalive=server.kind != "uwsgi",
        buffering=options.buffering,
        request_buffering=options.buffering,
        max_body=options.max_body,
        timeout=options.timeout + 5,
        hsts=project.hsts,
        trusted=tuple(_read(hosts.network, text) for text in options.trusted_proxies),
    )
    return front, guessed


def _local(bind: Upstream) -> Upstream:
    """The way from the proxy to a server on the same machine."""
    if bind.address is None or bind.address.host not in ("", "0.0.0.0", "::"):
        return bind
    return Upstream(address=Address(bind.address.port, "127.0.0.1"))


def _server_names(project: Project, options: Options) -> tuple[tuple[str, ...], bool]:
    if options.hosts:
        return tuple(dict.fromkeys(_read(hosts.host_name, text) for text in options.hosts)), False
    here = {"*", "localhost", ".localhost", "127.0.0.1", "[::1]", "::1"}
    names = [_read(hosts.host_name, text) for text in project.allowed_hosts if text not in here]
    return (tuple(dict.fromkeys(names)), False) if names else ((EXAMPLE,), True)


def _folders(project: Project, server: Server) -> Iterable[Folder]:
    def moved(path: Path) -> str:
        inside = path.is_relative_to(project.base)
        return str(Path(server.root) / path.relative_to(project.base)) if inside else str(path)

    if project.has_static and project.static_url:
        yield Folder(project.static_url, moved(project.static_root or project.base / STATIC_FOLDER))
    if project.media_root is not None and project.media_url:
        yield Folder(project.media_url, moved(project.media_root), uploaded=True)


def _read(reader: Callable[[str], T], text: str) -> T:
    try:
        return reader(text)
    except (hosts.BadAddress, QuotingError) as error:
        raise PlanError(str(error)) from error
