"""Spans: callables of Django's that are called through us, with an event before and one after.

A layer of middleware, one of its hooks, a view, the sending of a signal; native/spans.c has the same in C. Where the
context has no recording, the callable is called and nothing else happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import native
from ..clocks import now
from ..failures import without_us
from ..fields import reach
from ..recording import Recording, current
from ..vocabulary import WORDS
from .headers import passed, word

#: What native/spans.c calls them.
_LAYER, _HOOK, _VIEW, _SIGNAL = range(4)

Span = Callable[..., Any]


class Words(NamedTuple):
    """Of the event before and the one after, and their numbers in the black box; ``failed`` of a view only."""

    started: int | str
    finished: int | str
    failed: int | str | None
    began: int
    ended: int
    raised: int


def words(started: tuple[str, ...], finished: tuple[str, ...], failed: tuple[str, ...] | None = None) -> Words:
    """The words for events, each given with its fixed fields."""
    first, last = WORDS.event(*started), WORDS.event(*finished)
    third = None if failed is None else WORDS.event(*failed)
    return Words(first, last, third, WORDS.mark(first), WORDS.mark(last), 0 if third is None else WORDS.mark(third))


def layer(called: Span, plain: Span, said: Words, path: str, on_error: Callable[[Any, Exception], Any]) -> Span:
    """A sync layer of middleware. ``plain`` is Django's own wrapper of it, which is called where nothing is recorded.

    A recorded request goes to the layer itself and, for an exception, to ``on_error``, where Django's wrapper would
    take it: one call less for each layer pays for most of what recording it costs.
    """
    if native.core is not None:
        return _compiled(_LAYER, called, plain, said, path, on_error)
    left = way_out(said, path)

    def trace(request: Any) -> Any:
        recording = current.get()
        if recording is None:
            return plain(request)
        entered = reach(recording, said.started, said.began)
        try:
            response = called(request)
        except Exception as error:
            without_us(error)
            response = on_error(request, error)
        left(recording, response, entered)
        return response

    return trace


def way_out(said: Words, path: str) -> Callable[[Recording, Any, int], None]:
    """What tells that a layer was left; for one whose way in, at the instant that is given, was told by another."""
    if native.core is not None:
        told: Callable[[Recording, Any, int], None] = native.core.Span(_LAYER, None, None, *said, path, None).left
        return told

    def left(recording: Recording, response: Any, entered: int) -> None:
        at = now()
        recording.trail += (said.finished, at, getattr(response, "status_code", None))
        mark = recording.mark
        mark[0], mark[1] = said.ended, at
        passed(recording, response, path, at)
        # Written by every layer: the outermost, which is the last, has the whole.
        recording.middleware_time = at - entered

    return left


def hook(called: Span, said: Words, path: str) -> Span:
    """A middleware's ``process_view`` or its like; it may answer the request."""
    if native.core is not None:
        return _compiled(_HOOK, called, called, said, path)

    def trace(*args: Any) -> Any:
        recording = current.get()
        if recording is None:
            return called(*args)
        reach(recording, said.started, said.began)
        try:
            answer = called(*args)
            if answer is not None:
                passed(recording, answer, path, now())
            return answer
        except BaseException as error:
            without_us(error)
            raise
        finally:
            reach(recording, said.finished, said.ended)

    return trace


def signal(called: Span, said: Words) -> Span:
    """``send`` of a signal."""
    if native.core is not None:
        return _compiled(_SIGNAL, called, called, said, None)

    def trace(*args: Any, **named: Any) -> Any:
        recording = current.get()
        if recording is None:
            return called(*args, **named)
        reach(recording, said.started, said.began)
        try:
            return called(*args, **named)
        except BaseException as error:
            without_us(error)
            raise
        finally:
            reach(recording, said.finished, said.ended)

    return trace


def view(called: Span, said: Words, name: str) -> Span:
    """A sync view."""
    if native.core is not None:
        return _compiled(_VIEW, called, called, said, name)

    def trace(*args: Any, **named: Any) -> Any:
        recording = current.get()
        if recording is None:
            return called(*args, **named)
        started = reach(recording, said.started, said.began)
        try:
            response = called(*args, **named)
        except BaseException as error:
            without_us(error)
            raised(recording, said, started, error)
            raise
        returned(recording, said, name, started, response)
        return response

    return trace


def raised(recording: Recording, said: Words, started: int, error: BaseException) -> None:
    """A view that was started at that instant has raised."""
    failed = now()
    recording.view_time += failed - started
    recording.trail += (said.failed, failed, type(error).__name__)
    mark = recording.mark
    mark[0], mark[1] = said.raised, failed


def returned(recording: Recording, said: Words, name: str, started: int, response: Any) -> None:
    """A view that was started at that instant has answered."""
    finished = reach(recording, said.finished, said.ended)
    recording.view_time += finished - started
    passed(recording, response, name, finished)


def _compiled(kind: int, called: Span, plain: Span, said: Words, by: str | None, on_error: Any = None) -> Span:
    span: Span = native.core.Span(kind, called, plain, *said, by, on_error)
    return span


if native.core is not None:
    native.core.headers(passed, word)
