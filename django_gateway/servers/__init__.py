"""Servers: options in, argv and configuration out, one adapter a file.

Adapters know no Django and import no server package, so that a server which is not installed costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final, cast

from .base import Command, Interface, Launch, Server, ServerError
from .options import Options

__all__ = [
    "DEFAULTS",
    "Command",
    "Launch",
    "Options",
    "Server",
    "ServerError",
    "choose",
    "get",
    "installed",
    "interface_of",
    "names",
    "settle",
]

#: Where each adapter is; imported when it is asked for.
_ADAPTERS: Final = {
    name: f"{__name__}.{name}"
    for name in (
        *("cheroot", "daphne", "django", "granian", "gunicorn", "hypercorn", "mod_wsgi", "uvicorn", "uwsgi"),
        "waitress",
        *("apache", "embedded", "fcgiwrap", "lighttpd"),
    )
}
#: The server of each interface where none is named: the first that can be used.
DEFAULTS: Final = {"wsgi": ("django",), "asgi": ("daphne",), "cgi": ("lighttpd", "apache", "fcgiwrap", "embedded")}


def names() -> list[str]:
    return sorted(_ADAPTERS)


def get(name: str) -> Server:
    """The adapter of that name. Raises ServerError."""
    try:
        module = import_module(_ADAPTERS[name])
    except KeyError as error:
        raise ServerError(f"There is no server called {name!r}. Known servers: {', '.join(names())}.") from error
    server: Server = module.server
    return server


def installed() -> Iterator[tuple[Interface, Server, str]]:
    """Each server of WSGI and ASGI that could be started here, with its version."""
    for name in names():
        server = get(name)
        for interface in sorted(server.interfaces - {"cgi"}):
            try:
                version = server.version()
                server.check(Options(), interface)
            except ServerError:
                continue
            yield interface, server, version


def settle(serve: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The project's defaults without those that the command line rules out: a server for another interface, or back.

    Raises ServerError for an unknown server.
    """
    kept = dict(serve)
    interface, server = given.get("interface", kept.get("INTERFACE")), given.get("server", kept.get("SERVER"))
    if isinstance(server, str) and isinstance(interface, str) and interface not in get(server).interfaces:
        if "interface" in given and "server" not in given:
            del kept["SERVER"]
        elif "server" in given and "interface" not in given:
            del kept["INTERFACE"]
    return kept


def interface_of(options: Options, usual: Interface) -> Interface:
    """What was asked for, or else the usual one where the server that was asked for speaks it. Raises ServerError."""
    if options.interface is not None:
        return cast("Interface", options.interface)
    spoken = get(options.server).interfaces if options.server else {usual}
    return usual if usual in spoken else min(spoken)


def choose(name: str | None, interface: str, options: Options | None = None) -> Server:
    """The adapter for an interface, by name or by default. Raises ServerError where it doesn't speak the interface."""
    server = get(name) if name else _usual(cast("Interface", interface), options or Options())
    if interface not in server.interfaces:
        spoken = " and ".join(sorted(spoken.upper() for spoken in server.interfaces))
        suitable = [known for known in names() if interface in get(known).interfaces]
        raise ServerError(
            f"{server.title} speaks {spoken}, not {interface.upper()}. "
            f"Servers that speak {interface.upper()}: {', '.join(suitable)}."
        )
    return server


def _usual(interface: Interface, options: Options) -> Server:
    """The first of the interface's servers that is here and can do what is asked for, else the last."""
    *others, last = map(get, DEFAULTS[interface])
    for server in others:
        try:
            server.version()
            server.check(options, interface)
        except ServerError:
            continue
        return server
    return last
