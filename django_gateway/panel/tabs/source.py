"""The project's own wsgi.py or asgi.py, with the line that made what the server called."""

from __future__ import annotations

from pathlib import Path

from ...exchange import Exchange
from ...served import Served
from .. import code
from .. import instance as instances
from ..words import server_name
from . import application
from .base import Query, Subject, Values


def _served() -> Served | None:
    instance = instances.current()
    return None if instance is None else instance.served()


def _interface(exchange: Exchange) -> str:
    # A CGI process calls the WSGI application.
    return "asgi" if exchange.interface == "asgi" else "wsgi"


def shows(exchange: Exchange) -> bool:
    served = _served()
    called = exchange.interface in ("wsgi", "asgi", "cgi")
    return called and served is not None and _interface(exchange) in served.files


def build(subject: Subject, query: Query) -> Values:
    exchange = subject.exchange
    interface = _interface(exchange)
    served = _served() or Served()
    file, root = served.files.get(interface, ""), served.root
    dotted = served.applications.get(interface, "").replace(":", ".")
    name = dotted.rpartition(".")[2] or "application"
    text = code.read(file, root)
    marked = None if text is None else code.defined_at(text, name)
    return {
        "file": _shown(file, root),
        "lines": [] if text is None else code.lines(text, marked),
        "marked": marked,
        "dotted": dotted,
        "name": name,
        "call": f"{name}(scope, receive, send)" if interface == "asgi" else f"{name}(environ, start_response)",
        "caller": "The script" if exchange.interface == "cgi" else server_name(exchange.server.name),
        "tree": application.shows(exchange),
    }


def _shown(file: str, root: str) -> str:
    """As somebody in the project calls it."""
    try:
        return str(Path(file).relative_to(root))
    except ValueError:
        return Path(file).name
