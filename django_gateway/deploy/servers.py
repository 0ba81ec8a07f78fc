"""Application servers: each one's own file and its command line."""

from __future__ import annotations

import posixpath
import shlex
from typing import Final

import msgspec

from .rendering import render
from .values import Server


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    title: str
    #: Best first.
    interfaces: tuple[str, ...]
    #: What pip installs.
    requirement: str
    #: Its template, and what the file is called.
    template: str
    file: str
    #: How it is started; ``{config}`` is the file. A name without a slash is in the virtual environment.
    argv: tuple[str, ...]
    #: Takes over a socket that systemd has opened, and tells systemd when it is ready.
    activation: bool = True
    notify: bool = False
    #: SIGHUP gives it the project's new code.
    reload: bool = True
    #: Starts several processes itself.
    processes: bool = True


SERVERS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            name="gunicorn",
            title="Gunicorn",
            interfaces=("wsgi", "asgi"),
            requirement="gunicorn>=25.1",
            template="servers/gunicorn.conf.py-tpl",
            file="gunicorn.conf.py",
            argv=("gunicorn", "--config", "{config}"),
            notify=True,
        ),
        Kind(
            name="uvicorn",
            title="uvicorn",
            interfaces=("asgi",),
            requirement="uvicorn[standard]",
            template="servers/uvicorn.py-tpl",
            file="serve.py",
            argv=("python", "{config}"),
        ),
        Kind(
            name="daphne",
            title="Daphne",
            interfaces=("asgi",),
            requirement="daphne",
            template="servers/daphne.py-tpl",
            file="serve.py",
            argv=("python", "{config}"),
            activation=False,
            reload=False,
            processes=False,
        ),
        Kind(
            name="hypercorn",
            title="Hypercorn",
            interfaces=("asgi",),
            requirement="hypercorn",
            template="servers/hypercorn.conf.py-tpl",
            file="hypercorn.conf.py",
            argv=("hypercorn", "--config", "file:{config}", "{application}"),
            reload=False,
        ),
        Kind(
            name="granian",
            title="Granian",
            interfaces=("wsgi", "asgi"),
            requirement="granian",
            template="servers/granian.py-tpl",
            file="serve.py",
            argv=("python", "{config}"),
            activation=False,
        ),
        Kind(
            name="uwsgi",
            title="uWSGI",
            interfaces=("wsgi",),
            requirement="pyuwsgi",
            template="servers/uwsgi.ini",
            file="uwsgi.ini",
            argv=("uwsgi", "--ini", "{config}"),
            notify=True,
        ),
    )
}


def command(server: Server, *, relative: bool = False) -> list[str]:
    """What starts it: with full paths, or as seen from the project's folder with the environment's PATH."""
    kind = SERVERS[server.kind]
    config = posixpath.join(*filter(None, ("" if relative else server.root, server.folder, kind.name, kind.file)))
    program, *arguments = (part.format(config=config, application=server.application) for part in kind.argv)
    return [program if relative else f"{server.venv}/bin/{program}", *arguments]


def config(server: Server) -> str:
    """The server's own file."""
    kind = SERVERS[server.kind]
    values = {
        "server": server,
        "start": shlex.join(command(server)),
        "proxies": ",".join(server.proxies),
        "up": "/".join([".."] * server.depth),
    }
    return render(kind.template, values)
