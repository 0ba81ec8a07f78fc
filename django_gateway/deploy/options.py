"""What a person can ask gatewaydeploy for. What is not given comes from the project's settings."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

SERVICES: Final = ("postgresql", "redis")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    targets: tuple[str, ...] = ()
    interface: Literal["wsgi", "asgi"] | None = None
    application: str = ""
    name: str = ""
    hosts: tuple[str, ...] = ()
    #: Where the application servers are, as the proxy reaches them.
    upstreams: tuple[str, ...] = ()
    #: Where the proxy listens, and where it sends plain HTTP to HTTPS.
    listen: tuple[str, ...] = ()
    redirect: tuple[str, ...] = ()
    plain: bool = False
    cert: str = ""
    key: str = ""
    trusted_proxies: tuple[str, ...] = ()
    #: The proxy's addresses, as the application servers see them.
    proxies: tuple[str, ...] = ()
    bind: str = ""
    socket: str = ""
    root: str = ""
    venv: str = ""
    user: str = ""
    proxy_group: str = "www-data"
    workers: int | None = None
    threads: int | None = None
    timeout: int = 60
    max_body: int = 32 * 1024 * 1024
    buffering: bool = True
    nginx_version: tuple[int, ...] | None = None
    health: str = "/"
    image: str = ""
    python_version: str = ""
    without: tuple[str, ...] = ()


def from_arguments(given: Mapping[str, Any]) -> Options:
    """Options from argparse's values; whatever it does not know of is left out."""
    known: dict[str, Any] = {name: given[name] for name in Options.__struct_fields__ if given.get(name) is not None}
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    return Options(**values)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="What to generate; --list explains each.")
    for group, arguments in _ARGUMENTS.items():
        section = parser.add_argument_group(group)
        for names, keywords in arguments:
            section.add_argument(*names, **keywords)


def count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def size(text: str) -> int:
    """Bytes of ``20M``, ``512k``, ``1G`` or a plain number."""
    unit = {"k": 1024, "m": 1024**2, "g": 1024**3}.get(text[-1:].lower(), 0)
    number = text[:-1] if unit else text
    if not number.isascii() or not number.isdigit():
        raise ArgumentTypeError(f"{text!r} is no size: it takes a number of bytes, or one with k, M or G")
    return int(number) * (unit or 1)


def version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ArgumentTypeError(f"{text!r} is no version: it takes the form 1.26")
    return tuple(int(part) for part in parts)


def path(text: str) -> str:
    if not text.startswith("/"):
        raise ArgumentTypeError(f"{text!r} is not absolute")
    return text.rstrip("/") or "/"


def url_path(text: str) -> str:
    if not text.startswith("/"):
        raise ArgumentTypeError(f"{text!r} does not start with a slash")
    return text


def _argument(*names: str, **keywords: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, keywords


def _several(*names: str, **keywords: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, {"action": "append", **keywords}


_ARGUMENTS: Final = {
    "the application": (
        _argument("--wsgi", dest="interface", action="store_const", const="wsgi", help="Serve it through WSGI."),
        _argument(
            "--asgi",
            dest="interface",
            action="store_const",
            const="asgi",
            help="Serve it through ASGI (default where ASGI_APPLICATION is set).",
        ),
        _argument(
            "--application",
            metavar="PATH",
            help="The application, as module.attribute (default: WSGI_APPLICATION or ASGI_APPLICATION).",
        ),
        _argument("--name", help="The name of services, sockets and files (default: the project's package)."),
        _argument("--workers", type=count, metavar="N", help="Worker processes (default: 2)."),
        _argument("--threads", type=count, metavar="N", help="Threads of each worker (default: 4)."),
        _argument("--timeout", type=count, metavar="SECONDS", help="How long a request may take (default: 60)."),
    ),
    "the server it will run on": (
        _argument("--root", type=path, metavar="DIR", help="The project's folder there (default: where it is here)."),
        _argument("--venv", type=path, metavar="DIR", help="Its virtual environment (default: the one in use)."),
        _argument("--user", help="Who the application runs as (default: its name)."),
        _argument("--proxy-group", metavar="GROUP", help="The web server's group (default: www-data)."),
        _argument("--socket", metavar="PATH", type=path, help="The Unix socket (default: /run/NAME/http.sock)."),
        _argument("--bind", metavar="[ADDR:]PORT", help="Where the application listens, in place of a Unix socket."),
        _several(
            "--proxy",
            dest="proxies",
            metavar="ADDR",
            help="The proxy's IP address, as the application sees it (default: 127.0.0.1 and ::1).",
        ),
    ),
    "the web server in front": (
        _several("--host", dest="hosts", metavar="NAME", help="A name of the site (default: ALLOWED_HOSTS)."),
        _several(
            "--upstream",
            dest="upstreams",
            metavar="HOST:PORT",
            help="An application server, also on another machine, or unix:/path; once for each.",
        ),
        _several("--listen", metavar="[ADDR:]PORT", help="Where it listens (default: 443, or 80 with --plain)."),
        _several(
            "--redirect", metavar="[ADDR:]PORT", help="Where plain HTTP is sent to HTTPS (default: 80 beside 443)."
        ),
        _argument("--plain", action="store_true", default=None, help="No TLS: something in front of it does that."),
        _argument("--cert", type=path, metavar="FILE", help="The certificate with its chain (PEM)."),
        _argument("--key", type=path, metavar="FILE", help="The certificate's private key (PEM)."),
        _several(
            "--trusted-proxy",
            dest="trusted_proxies",
            metavar="CIDR",
            help="A network of load balancers in front of it, whose X-Forwarded headers hold.",
        ),
        _argument("--max-body", type=size, metavar="SIZE", help="The largest request body (default: 32M; 0: any)."),
        _argument(
            "--nobuffering",
            dest="buffering",
            action="store_false",
            default=None,
            help="Send responses on as they come, for as long as the client takes.",
        ),
        _argument(
            "--nginx-version",
            type=version,
            metavar="X.Y",
            help="Which nginx it is for (default: the one installed here).",
        ),
    ),
    "containers": (
        _argument("--image", metavar="NAME", help="The image's name, with its registry (default: NAME)."),
        _argument("--python-version", metavar="X.Y", help="Python in the image (default: the one in use)."),
        _argument(
            "--health", type=url_path, metavar="PATH", help="A page that answers 200 when all is well (default: /)."
        ),
        _several("--without", choices=SERVICES, help="Leave this service out of compose.yaml."),
    ),
}
