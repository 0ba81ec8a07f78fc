"""From options to what is to be started: which interface and server, on which sockets, with which commands."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from .. import proxies, served, servers
from ..conf import PANEL_ADDRESS
from ..servers.base import Certificate, Command, Interface, Launch, Server
from ..servers.options import Options
from ..workers import environment
from . import addresses, certificates, front, sockets, unix, validity, wiring
from .addresses import Address, AddressError
from .preload import is_installed
from .project import Project, check_application


@dataclass(frozen=True, kw_only=True)
class Listening:
    """An address, and the socket on it; None in a dry run."""

    address: Address
    socket: socket.socket | None
    #: The file of a Unix socket, which then stands for the address.
    path: Path | None = None

    @property
    def descriptor(self) -> int:
        return 3 if self.socket is None else self.socket.fileno()

    @property
    def numeric(self) -> tuple[str, int]:
        """Host and port, with the host as the IP address that its name stands for."""
        host = self.address.host
        if self.socket is not None and self.path is None:
            host = self.socket.getsockname()[0]
        return host, self.address.port


@dataclass(frozen=True, kw_only=True)
class Plan:
    project: Project
    options: Options
    interface: Interface
    server: Server
    version: str
    serving: Listening
    panel: Listening | None
    #: With which the server speaks TLS itself.
    certificate: Certificate | None
    #: The proxy in front, which then has the address and the certificate.
    front: front.Fronted | None
    #: The relay of --wire, which then has the address, and the certificate too.
    wired: wiring.Wired | None
    #: The interpreter with the flags that this one was started with.
    python: tuple[str, ...]
    #: What every child finds in its environment.
    environment: dict[str, str]

    @property
    def processes(self) -> int:
        """How many processes the supervisor starts; a server that forks has its workers itself."""
        return 1 if self.server.forks else self.options.workers

    @property
    def folder(self) -> Path:
        """The server's own."""
        return self.project.gateway.folder / self.server.name

    @property
    def url(self) -> str:
        """Where the project answers, as somebody here opens it."""
        if self.wired is not None:
            return self.wired.url
        if self.front is not None:
            return self.front.url
        if self.serving.path is not None:
            return f"unix:{self.serving.path}"
        return self.serving.address.reachable.url("http" if self.certificate is None else "https")

    def command(self) -> Command:
        """What starts one server process."""
        launch = Launch(
            interface=self.interface,
            options=self.options,
            sockets=(self.serving.descriptor,),
            python=self.python,
            folder=self.folder,
            grace=environment.GRACE,
            certificate=self.certificate,
            address=self.serving.numeric,
            environment=self.environment,
            directory=Path.cwd(),
        )
        return self.server.command(launch)

    def remarks_on_certificate(self) -> list[str]:
        if self.options.cert is None:
            return []
        files = Certificate(Path(self.options.cert).absolute(), Path(self.options.key or self.options.cert).absolute())
        return validity.remarks(files, self.public.address)

    @property
    def public(self) -> Listening:
        """Where clients connect."""
        if self.wired is not None:
            return self.wired.listening
        return self.serving if self.front is None else self.front.listening

    def wire_command(self) -> Command | None:
        if self.wired is None:
            return None
        return self.wired.command(self.python, self.project.gateway)

    @property
    def socket_file(self) -> Path | None:
        """The file of the Unix socket that was asked for."""
        return self.serving.path if self.wired is None else self.wired.listening.path

    def panel_command(self) -> Command | None:
        if self.panel is None:
            return None
        address = self.panel.address
        machine = sockets.own_address(address) if address.wide else address
        # Under which names, besides localhost, it may be asked for.
        hosts = ("--host", machine.host) if machine is not None and not machine.loopback else ()
        about = self.project.gateway.folder / "served.json"
        argv = ("-m", "django_gateway.panel", "--fd", str(self.panel.descriptor))
        options = ("--store", self.project.gateway.store, "--served", str(about), *hosts)
        return Command(argv=(*self.python, *argv, *options), files={about: served.write(self.served())})

    def served(self) -> served.Served:
        """What the panel's process is told."""
        public = self.public
        host, port = public.numeric
        return msgspec.structs.replace(
            served.of_project({self.interface: self.options.application} if self.options.application else None),
            interface=self.interface,
            server=self.server.title,
            version=self.version,
            workers=self.options.workers,
            others=tuple(served.Another(way, each.name, each.title, told) for way, each, told in servers.installed()),
            proxy=f"{self.front.proxy.title} {self.front.version}".strip() if self.front is not None else "",
            host=host,
            port=port,
            unix=str(public.path or ""),
            tls=self.certificate is not None or (self.front is not None and self.front.values.tls),
        )


def make(project: Project, options: Options, *, command: str) -> Plan:
    """Raises ProjectError, ServerError, AddressError or CertificateError. ``command`` is what advice says to run."""
    interface = servers.interface_of(options, "asgi" if project.asgi_by_default else "wsgi")
    proxy = proxies.get(options.behind) if options.behind else None
    asked = front.asked_of_server(options)
    if options.wire:
        asked = replace(asked, unix=None)
    server = servers.choose(options.server, interface, asked)
    version = server.version()
    server.check(asked, interface)
    check_application(interface, options.application)
    address = addresses.parse(options.address, ipv6=options.ipv6)
    certificate = certificates.choose(options, _names(address), project.gateway.folder / "certificates")
    proxy_version = proxy.version() if proxy is not None else ""
    binds = proxy.inherits is None if proxy is not None else server.binds
    fronted = wired = None
    if options.wire:
        wiring.check(project.gateway)
        public = _listen(address, options, binds=False, command=command)
        entrance = _listen_inside(public, options, binds=binds)
        proxied = proxy is not None
        wired = wiring.Wired(listening=public, upstream=entrance.numeric, certificate=certificate, proxied=proxied)
    else:
        public = entrance = _listen(address, options, binds=binds, command=command)
    serving = entrance
    if proxy is not None:
        folder = project.gateway.folder / proxy.name
        serving = _listen_behind(proxy, folder, options, server)
        fronted = front.plan(
            *(proxy, options),
            version=proxy_version,
            listening=entrance,
            serving=serving,
            certificate=certificate,
            interface=interface,
            folder=folder,
        )
    panel = _listen_for_panel(project, options, public.address, command)
    return Plan(
        project=project,
        options=options,
        interface=interface,
        server=server,
        version=version,
        serving=serving,
        panel=panel,
        certificate=certificate if fronted is None else None,
        front=fronted,
        wired=wired,
        python=(sys.executable, "-P", *subprocess._args_from_interpreter_flags()),  # type: ignore[attr-defined]
        environment=_environment(project, options, server, version, panel),
    )


def _names(address: Address) -> list[str]:
    """What a certificate for the address has to say."""
    names = ["localhost", "127.0.0.1", "::1"]
    machine = sockets.own_address(address) if address.wide else address
    if machine is not None and machine.host not in names:
        names.append(machine.host)
    return names


def _listen(address: Address, options: Options, *, binds: bool, command: str) -> Listening:
    if options.unix is not None:
        if options.address:
            raise AddressError(f"--unix takes the place of an address: leave {options.address} out.")
        path = Path(options.unix).absolute()
        return Listening(address=address, socket=None if options.dry_run else unix.listen(path), path=path)
    if options.dry_run:
        return Listening(address=address, socket=None)
    listener = (sockets.reserve if binds else sockets.listen)(address, command=command)
    return Listening(address=sockets.bound(listener, address), socket=listener)


def _listen_behind(proxy: proxies.Proxy, folder: Path, options: Options, server: Server) -> Listening:
    """Where the proxy finds the server: a Unix socket in the proxy's folder, or a port where the server has none."""
    path = folder / "application.sock"
    address = Address("127.0.0.1", 0)
    if "unix" in server.can and unix.fits(path, proxy.longest_socket):
        if options.dry_run:
            return Listening(address=address, socket=None, path=path)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Listening(address=address, socket=unix.listen(path), path=path)
    return _listen(address, options, binds=server.binds, command="")


def _listen_inside(public: Listening, options: Options, *, binds: bool) -> Listening:
    """Where the relay of --wire finds the server."""
    if options.dry_run:
        return Listening(address=Address("127.0.0.2", public.address.port), socket=None)
    address, listener = wiring.inner(public.address, unix=public.path is not None, binds=binds)
    return Listening(address=address, socket=listener)


def _listen_for_panel(project: Project, options: Options, serving: Address, command: str) -> Listening | None:
    wanted = options.panel if options.panel is not None else project.gateway.enabled and project.debug
    if not wanted:
        return None
    port = min(serving.port + 1, 65535)
    loopback = "::1" if serving.ipv6 else "127.0.0.1"
    if isinstance(wanted, str):
        address = addresses.parse(wanted, host=loopback, port=port)
    else:
        address = Address(loopback, port, serving.ipv6)
    if options.dry_run:
        return Listening(address=address, socket=None)
    if isinstance(wanted, str):
        listener = sockets.listen(address, command=f"{command} --panel")
    else:
        listener = sockets.listen_next_free(address)
    return Listening(address=sockets.bound(listener, address), socket=listener)


def _environment(
    project: Project, options: Options, server: Server, version: str, panel: Listening | None
) -> dict[str, str]:
    values = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": project.settings_module,
        "GATEWAY_STORE": project.gateway.store,
        "GATEWAY_FOLDER": str(project.gateway.folder),
        # manage.py may have put folders on the path; Python's own way of saying so reaches every server.
        "PYTHONPATH": os.pathsep.join(_import_path()),
        environment.STATIC: "never" if not options.static else "always" if options.insecure else "auto",
        environment.CHECKS: "1" if options.checks else "0",
        environment.REQUEST_LOG: "0" if server.logs_requests else "1",
        environment.SERVER: f"{server.name}/{version}",
        environment.RECORDS: "1" if project.gateway.enabled else "0",
    }
    if panel is not None:
        values[PANEL_ADDRESS] = panel.address.reachable.url()
    if options.application:
        values[environment.APPLICATION] = options.application
    return values


def _import_path() -> list[str]:
    archive = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    entries = dict.fromkeys(str(Path(entry or Path.cwd()).absolute()) for entry in sys.path)
    return [entry for entry in entries if not is_installed(f"{entry}/") and not entry.endswith(archive)]
