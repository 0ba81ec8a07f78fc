"""What a person can ask gatewayserve for: each option once.

The command line, the keys of ``GATEWAY["SERVE"]`` and their checks are derived from the fields of one dataclass.
"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple


class OptionError(Exception):
    """An option can't be what it is given as; the message names it and what it takes."""


class Flag(NamedTuple):
    """One spelling of an option on the command line, with argparse's keywords."""

    names: tuple[str, ...]
    keywords: Mapping[str, Any]


class Takes(NamedTuple):
    """What ``GATEWAY["SERVE"]`` takes for an option: the test, and the words for it."""

    accepts: Callable[[Any], bool]
    words: str


class Spelling(NamedTuple):
    """How an option is given. Without ``takes`` it is for the command line only."""

    flags: tuple[Flag, ...]
    takes: Takes | None


def flag(*names: str, **keywords: Any) -> Flag:
    return Flag(names, keywords)


def option(*flags: Flag, default: Any, takes: Takes | None = None) -> Any:  # Any, as dataclasses.field() has it
    return field(default=default, metadata={"spelling": Spelling(flags, takes)})


def count(text: str) -> int:
    """For argparse: a whole number above 0."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_address(value: Any) -> bool:
    return _is_text(value) or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 65536)


_SWITCH: Final = Takes(_is_switch, "True or False")
_COUNT: Final = Takes(_is_count, "a whole number above 0")
_INTERFACES: Final = ("wsgi", "asgi", "cgi")


@dataclass(frozen=True, kw_only=True)
class Options:
    address: str = option(
        flag("address", nargs="?", metavar="[addr:]port", help="Where to listen (default: 127.0.0.1:8000)."),
        default="",
        takes=Takes(_is_address, 'a port, or "addr:port"'),
    )
    ipv6: bool = option(
        flag("-6", "--ipv6", action="store_true", help="Listen on an IPv6 address (default: [::1]:8000)."),
        default=False,
        takes=_SWITCH,
    )
    interface: str | None = option(
        flag("--wsgi", action="store_const", const="wsgi", help="Serve the project through WSGI."),
        flag(
            "--asgi",
            action="store_const",
            const="asgi",
            help="Serve the project through ASGI (default where ASGI_APPLICATION is set).",
        ),
        flag(
            "--cgi", action="store_const", const="cgi", help="Serve the project through CGI: one process per request."
        ),
        default=None,
        takes=Takes(lambda value: value in _INTERFACES, '"wsgi", "asgi" or "cgi"'),
    )
    server: str | None = option(
        flag(
            "--server",
            metavar="NAME",
            help="The server to run (default: django for WSGI, daphne for ASGI, a web server that is here for CGI).",
        ),
        default=None,
        takes=Takes(_is_text, "the name of a server"),
    )
    application: str | None = option(
        flag(
            "--application",
            metavar="PATH",
            help="The application, as module.attribute (default: WSGI_APPLICATION or ASGI_APPLICATION).",
        ),
        default=None,
        takes=Takes(_is_text, '"module.attribute"'),
    )
    workers: int = option(
        flag("--workers", type=count, metavar="N", help="Worker processes (default: 1)."), default=1, takes=_COUNT
    )
    threads: int | None = option(
        flag("--threads", type=count, metavar="N", help="Threads of each worker (default: as the server likes)."),
        flag("--nothreading", action="store_const", const=1, help="The same as --threads 1."),
        default=None,
        takes=_COUNT,
    )
    unix: str | None = option(
        flag("--unix", metavar="PATH", help="Listen on a Unix socket in place of an address."),
        default=None,
        takes=Takes(_is_text, "the path of a socket"),
    )
    https: bool = option(
        flag("--https", action="store_true", help="Speak HTTPS, with a certificate made for this machine."),
        default=False,
        takes=_SWITCH,
    )
    cert: str | None = option(
        flag("--cert", metavar="FILE", help="Speak HTTPS with this certificate (PEM, its chain included)."),
        default=None,
        takes=Takes(_is_text, "the path of a PEM file"),
    )
    key: str | None = option(
        flag("--key", metavar="FILE", help="The private key of --cert (PEM)."),
        default=None,
        takes=Takes(_is_text, "the path of a PEM file"),
    )
    behind: str | None = option(
        flag("--behind", metavar="PROXY", help="Put a web server in front of the server: nginx, apache or caddy."),
        default=None,
        takes=Takes(lambda value: value in ("nginx", "apache", "caddy"), '"nginx", "apache" or "caddy"'),
    )
    buffering: bool = option(
        flag("--nobuffering", action="store_false", help="Let the web server in front pass on every piece at once."),
        default=True,
        takes=_SWITCH,
    )
    max_body: int | None = option(
        flag(
            "--max-body",
            type=count,
            metavar="BYTES",
            help="The largest request body that the web server in front lets through (default: 33554432).",
        ),
        default=None,
        takes=_COUNT,
    )
    timeout: int | None = option(
        flag(
            "--timeout",
            type=count,
            metavar="SECONDS",
            help="How long the web server in front waits for the application (default: 65).",
        ),
        default=None,
        takes=_COUNT,
    )
    wire: bool = option(
        flag("--wire", action="store_true", help="Record the bytes at the client's side, through a relay in between."),
        default=False,
        takes=_SWITCH,
    )
    reload: bool = option(
        flag("--noreload", action="store_false", help="Do not restart when a file changes."),
        default=True,
        takes=_SWITCH,
    )
    spare: bool = option(
        flag("--nospare", action="store_false", help="Keep no warm worker ready for the next restart."),
        default=True,
        takes=_SWITCH,
    )
    static: bool = option(
        flag("--nostatic", action="store_false", help="Do not serve static files at STATIC_URL."),
        default=True,
        takes=_SWITCH,
    )
    insecure: bool = option(
        flag("--insecure", action="store_true", help="Serve static files even if DEBUG is False."),
        default=False,
        takes=_SWITCH,
    )
    checks: bool = option(
        flag("--skip-checks", action="store_false", help="Skip system checks."), default=True, takes=_SWITCH
    )
    panel: str | bool | None = option(
        flag("--panel", metavar="[addr:]port", help="Where the panel listens (default: loopback, the next free port)."),
        flag("--nopanel", action="store_const", const=False, help="Start no panel."),
        default=None,
        takes=Takes(lambda value: _is_address(value) or _is_switch(value), 'a port, "addr:port", True or False'),
    )
    dry_run: bool = option(
        flag("--dry-run", action="store_true", help="Print the commands and files that would be used, and end."),
        default=False,
    )
    arguments: tuple[str, ...] = option(
        default=(),
        takes=Takes(
            lambda value: isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value),
            "a list of strings",
        ),
    )

    @property
    def tls(self) -> bool:
        return self.https or self.cert is not None


def spellings() -> Iterator[tuple[str, Spelling]]:
    """Each option's name with its spelling, in the order in which help shows them."""
    for one in fields(Options):
        yield one.name, one.metadata["spelling"]


def add_arguments(parser: ArgumentParser) -> None:
    """Add every flag. An option that is not given leaves no attribute, so that defaults can come from elsewhere."""
    for name, spelling in spellings():
        for names, keywords in spelling.flags:
            if names[0].startswith("-"):
                parser.add_argument(*names, dest=name, default=SUPPRESS, **keywords)
            else:
                parser.add_argument(*names, default=SUPPRESS, **keywords)


def keys() -> list[str]:
    """The keys that ``GATEWAY["SERVE"]`` takes."""
    return [name.upper() for name, spelling in spellings() if spelling.takes is not None]


def problems(serve: Mapping[Any, Any]) -> list[tuple[str, str, str]]:
    """What is wrong with a ``GATEWAY["SERVE"]``: (key, what is wrong, what is accepted)."""
    known = {name.upper(): spelling.takes for name, spelling in spellings() if spelling.takes is not None}
    found = []
    for key, value in serve.items():
        takes = known.get(key)
        if takes is None:
            found.append(
                (str(key), f"GATEWAY['SERVE'][{key!r}] is not a setting.", f"The keys are {', '.join(known)}.")
            )
        elif not takes.accepts(value):
            found.append((key, f"GATEWAY['SERVE'][{key!r}] is {value!r}.", f"It takes {takes.words}."))
    return found


def merged(serve: Mapping[str, Any], given: Mapping[str, Any]) -> Options:
    """Options from the project's defaults and the command line, which wins. Raises OptionError."""
    wrong = problems(serve)
    if wrong:
        raise OptionError(" ".join(wrong[0][1:]))
    values = {key.lower(): value for key, value in serve.items()}
    values |= {name: given[name] for name, _ in spellings() if name in given}
    for name in ("address", "panel"):
        if isinstance(values.get(name), int) and not isinstance(values[name], bool):
            values[name] = str(values[name])
    values["arguments"] = tuple(values.get("arguments", ()))
    return Options(**{name: value for name, value in values.items() if value is not None})
