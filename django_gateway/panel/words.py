"""Dotted paths in the few letters that a person calls them by."""

from __future__ import annotations

from .text import shown


def short(path: str) -> str:
    """``SessionMiddleware.process_request`` of the dotted path of a method; the last part of any other."""
    parts = path.replace(".<locals>", "").split(".")
    if len(parts) > 1 and parts[-2][:1].isupper():
        return ".".join(parts[-2:])
    return parts[-1]


def layer(path: str) -> str:
    """``Session`` of the dotted path of SessionMiddleware."""
    name = path.rpartition(".")[2]
    return name.removesuffix("Middleware").removesuffix("_middleware") or name


def count(number: int, singular: str, plural: str = "") -> str:
    """``1 chunk``, ``2,000 chunks``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def calls_ahead(number: int) -> str:
    return f"{count(number, 'call')} {'was' if number == 1 else 'were'} ahead"


def listed(words: list[str]) -> str:
    """``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def cut(text: str, most: int) -> str:
    """At most ``most`` characters of it, harmless to look at."""
    text = shown(text, most + 1)
    return text if len(text) <= most else f"{text[: most - 1]}…"


_SERVERS = {
    "wsgiserver": "Django's server",
    "daphne": "Daphne",
    "uvicorn": "Uvicorn",
    "hypercorn": "Hypercorn",
    "granian": "Granian",
    "gunicorn": "Gunicorn",
    "uwsgi": "uWSGI",
    "waitress": "Waitress",
    "cheroot": "Cheroot",
    "apache": "Apache",
}


def server_name(name: str | None) -> str:
    """As its people spell it. ``WSGIServer`` is what Django's own (wsgiref's) calls itself."""
    return _SERVERS.get(name.lower(), name) if name else "The server"


def thread_name(name: str) -> str:
    """``thread Thread-3`` of ``Thread-3 (process_request_thread)``: Python adds the function that a thread runs.

    Nothing where it is not known: what is in flight, or was interrupted, has not said it.
    """
    return f"thread {name.partition(' (')[0]}" if name else ""
