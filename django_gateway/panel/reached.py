"""The last that is known of an exchange whose process is gone, in words."""

from __future__ import annotations

from typing import Final

from ..exchange import INTERRUPTED, LIFESPAN, WEBSOCKET, Exchange
from ..phases import Happening, reached
from .story import Word
from .units import duration

#: Event → what it says of the exchange, and the fields that name the code, as far as they are known.
_TOLD: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "cgi.application.loaded": ("the project was loaded", ()),
    "cgi.stdin.started": ("it read from standard input", ()),
    "wsgi.start_response": ("it called start_response()", ()),
    "wsgi.returned": ("the application gave its answer to the server", ()),
    "wsgi.write": ("it handed over a part of the body", ()),
    "wsgi.body": ("it handed over a part of the body", ()),
    "wsgi.close": ("the server called close()", ()),
    "http.request": ("it received a part of the request's body", ()),
    "http.disconnect": ("it was told that the client had left", ()),
    "http.response.start": ("it sent the head of its answer", ()),
    "http.response.body": ("it sent a part of the body", ()),
    "websocket.connect": ("a client asked for the WebSocket", ()),
    "websocket.accept": ("it accepted the WebSocket", ()),
    "websocket.receive": ("it received a message", ()),
    "websocket.send": ("it sent a message", ()),
    "websocket.disconnect": ("it was told that the WebSocket was closed", ()),
    "websocket.close": ("it closed the WebSocket", ()),
    "django.signal.started": ("it called the receivers of", ("signal",)),
    "django.signal.finished": ("it had called the receivers of", ("signal",)),
    "django.middleware.started": ("it entered the middleware", ("middleware",)),
    "django.middleware.finished": ("it left the middleware", ("middleware",)),
    "django.hook.started": ("it entered", ("middleware", "hook")),
    "django.hook.finished": ("it left", ("middleware", "hook")),
    "django.resolver.started": ("it asked the URLconf for a view", ()),
    "django.resolver.finished": ("the URLconf had found a view", ()),
    "django.resolver.failed": ("the URLconf had no view for it", ()),
    "django.view.started": ("it entered the view", ("view",)),
    "django.view.finished": ("it left the view", ("view",)),
    "django.view.failed": ("an exception left the view", ("view",)),
    "django.template.started": ("it began to render the template", ("template",)),
    "django.template.finished": ("it had rendered the template", ("template",)),
    "channels.dispatch.started": ("it entered", ("consumer", "handler")),
    "channels.dispatch.finished": ("it left", ("consumer", "handler")),
}
_SET_OUT: Final = {"to_thread": "it set out for a thread, to run", "to_loop": "it set out for an event loop, to run"}


def when_gone(exchange: Exchange) -> str:
    """When its process ended: what follows the word in a sentence."""
    if exchange.type == LIFESPAN:
        return "without a shutdown"
    if exchange.status is None:
        return "before it answered"
    return "while the WebSocket was open" if exchange.type == WEBSOCKET else "while it answered"


def last(exchange: Exchange) -> list[Word]:
    """A sentence of it; nothing for what is not interrupted."""
    if exchange.state != INTERRUPTED:
        return []
    event = reached(exchange)
    if event is None:
        return [Word("It had been handed to the application; how far it came there is not known.")]
    phrase, name = _told(event)
    told = [Word(f"The last that is known of it, after {duration(event.at)}: {phrase}")]
    return [*told, *([Word(" "), Word(name, "code")] if name else []), Word(".")]


def _told(event: Happening) -> tuple[str, str]:
    if event.name == "crossing.under_way":
        return _SET_OUT.get(event.fields["direction"], "it set out"), event.fields["function"] or ""
    if event.name not in _TOLD:
        return "it reached", event.name
    phrase, fields = _TOLD[event.name]
    return phrase, ".".join(event.fields[field] for field in fields if event.fields.get(field))
