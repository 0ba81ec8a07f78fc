"""How an exchange was cut short, in words."""

from __future__ import annotations

from typing import Final

from ...cut_short import CANCELLED, RAN_ON, Step, cut_short
from ...exchange import Exchange
from ..story import Word
from ..units import duration
from .base import Values

_NOTICED: Final = {
    "http.disconnect": "The application was told that the client is gone.",
    "wsgi.abandoned": "The server closed the body before it had asked for its end.",
    "asgi.cancelled": "The server cancelled the application.",
    "cgi.disconnect": "The client did not take what the process wrote.",
}
_DURING: Final = {
    "run_get_response": "Django was cancelled while it made the response.",
    "send_response": "Django was cancelled while it sent the response.",
}


def lines(exchange: Exchange) -> list[Values]:
    return [{"at": step.at, "event": step.event, "words": _words(step)} for step in cut_short(exchange)]


def _words(step: Step) -> list[Word]:
    name, thread = Word(step.name or "", "code"), Word(step.thread or "a thread", "code")
    if step.kind == RAN_ON:
        if step.until is None:
            return [name, Word(" was still at work in "), thread, Word(" when the exchange ended.")]
        took = Word(duration(step.until - step.at), "strong")
        return [name, Word(" ran on in "), thread, Word(" for "), took, Word(", with nobody waiting for it.")]
    if step.kind == CANCELLED:
        if step.event == "django.cancelled":
            return [Word(_DURING.get(step.name or "", "Django was cancelled."))]
        if step.event != "crossing.to_thread":
            return [name, Word(" was cancelled.")]
        if not step.begun:
            return [name, Word(", which was to run in a thread, was cancelled before it began.")]
        return [Word("The wait for "), name, Word(" in "), thread, Word(" was cancelled.")]
    if step.event in _NOTICED:
        return [Word(_NOTICED[step.event])]
    return [Word("send() did not come back: it raised, or was cancelled in it.")]
