"""The resolver, the view and the rendering of templates."""

from __future__ import annotations

from collections.abc import Iterable
from functools import update_wrapper, wraps
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.core.handlers.base import BaseHandler
from django.template.backends.django import Template

from .. import native
from ..clocks import now
from ..concealment import HIDDEN
from ..exchange import Match
from ..failures import without_us
from ..fields import reach
from ..legible import shortened
from ..recording import Recording, current, faults
from ..vocabulary import CODES, WORDS
from . import routes, spans

_RESOLVER_STARTED: Final = CODES["django.resolver.started"]
_RESOLVER_FINISHED: Final = CODES["django.resolver.finished"]
_RESOLVER_FAILED: Final = CODES["django.resolver.failed"]
_TEMPLATE_STARTED: Final = CODES["django.template.started"]
_TEMPLATE_FINISHED: Final = CODES["django.template.finished"]

#: What native/methods.c calls them.
_RESOLVE, _MAKE = range(2)

#: Views and routes remembered; past that a table starts anew.
_KEPT: Final = 4_096
_KEPT_TEMPLATES: Final = 512


def patches() -> Iterable[tuple[Any, str, Any]]:
    if native.core is not None:
        native.core.forget()  # what an earlier installation knew
    yield BaseHandler, "resolve_request", _resolving(BaseHandler.resolve_request)
    yield BaseHandler, "make_view_atomic", _viewing(BaseHandler.make_view_atomic)
    yield Template, "render", _rendering(Template.render)


def _resolving(original: Any) -> Any:
    if native.core is not None:
        words = (_RESOLVER_STARTED, _RESOLVER_FINISHED)
        return update_wrapper(native.core.Method(_RESOLVE, original, _resolved, _unresolved, *words, *words), original)

    @wraps(original)
    def resolve_request(self: BaseHandler, request: Any) -> Any:
        recording = current.get()
        if recording is None:
            return original(self, request)
        reach(recording, _RESOLVER_STARTED, _RESOLVER_STARTED)
        try:
            match = original(self, request)
        except Exception as error:
            without_us(error)
            _unresolved(recording, error)
            raise
        try:
            _resolved(recording, match)
        except Exception as fault:
            faults.note(fault)
        return match

    return resolve_request


def _unresolved(recording: Recording, error: Exception) -> None:
    failed = now()
    recording.trail += (_RESOLVER_FAILED, failed, type(error).__name__)
    mark = recording.mark
    mark[0], mark[1] = _RESOLVER_FAILED, failed
    routes.unmatched(recording, error, failed)


def _resolved(recording: Recording, match: Any) -> None:
    recording.match = found = _match(recording, match)
    finished = now()
    recording.trail += (_RESOLVER_FINISHED, finished, found.route)
    mark = recording.mark
    mark[0], mark[1] = _RESOLVER_FINISHED, finished
    word = routes.matched(recording, match, finished)
    if "django_gateway" in found.namespaces:
        recording.hide()
    elif native.core is not None and word is not None and not found.arguments:
        native.core.route(match.func, found.route, len(match.tried or ()), found, word)


_matches: dict[Any, Match] = {}


def _match(recording: Recording, match: Any) -> Match:
    key: tuple[str, Any] | None = (match.route, match.func)
    try:
        found = _matches.get(key)
    except TypeError:  # an unhashable view
        key, found = None, None
    if found is None:
        found = Match(match.route, name_of(match.func), match.url_name, list(match.app_names), [])
        if key is not None:
            if len(_matches) > _KEPT:
                _matches.clear()
            _matches[key] = found
    if match.kwargs or match.args:
        secret = recording.recorder.redactor.is_secret
        arguments = [shortened(str(value)) for value in match.args]
        arguments += [
            f"{name}={HIDDEN if secret(name) else shortened(str(value))}" for name, value in match.kwargs.items()
        ]
        return Match(found.route, found.view, found.url_name, found.namespaces, arguments)
    return found


def name_of(view: Any) -> str:
    """The dotted path of a view: of the class for class-based ones, of the function inside a partial."""
    view = getattr(view, "view_class", view)
    while hasattr(view, "func") and not hasattr(view, "__qualname__"):
        view = view.func
    if not hasattr(view, "__qualname__"):
        view = type(view)
    return f"{view.__module__}.{view.__qualname__}"


class _View:
    """What is known of a view before it is called."""

    __slots__ = ("is_async", "name", "span", "view", "words")

    def __init__(self, view: Any, wrapped: Any) -> None:
        self.name = name = name_of(view)
        self.is_async = iscoroutinefunction(wrapped)
        self.words = spans.words(
            ("django.view.started", name, "async" if self.is_async else "sync"),
            ("django.view.finished", name),
            ("django.view.failed", name),
        )
        #: The very view, and how it is called where nothing else is around it.
        self.view = view
        self.span = self.around(view, view)

    def around(self, view: Any, wrapped: Any) -> Any:
        span: Any = _timed(wrapped, self) if self.is_async else spans.view(wrapped, self.words, self.name)
        # The crossing that takes a view to a thread or to a loop is named after it.
        span.__wrapped__ = view
        return span


_views: dict[Any, _View] = {}


def _known(view: Any, wrapped: Any) -> _View:
    try:
        known = _views.get(view)
    except TypeError:
        return _View(view, wrapped)
    if known is None:
        if len(_views) > _KEPT:
            _views.clear()
        known = _views[view] = _View(view, wrapped)
    return known


def _viewing(original: Any) -> Any:
    if native.core is not None:
        return update_wrapper(native.core.Method(_MAKE, original, _around, None, 0, 0, 0, 0), original)

    @wraps(original)
    def make_view_atomic(self: BaseHandler, view: Any) -> Any:
        wrapped = original(self, view)
        if current.get() is None:
            return wrapped
        try:
            return _around(view, wrapped)
        except Exception as fault:
            faults.note(fault)
            return wrapped

    return make_view_atomic


def _around(view: Any, wrapped: Any) -> Any:
    known = _known(view, wrapped)
    if known.view is not wrapped:
        # Within a transaction it is another callable each time; and what is equal need not be the same.
        return known.around(view, wrapped)
    if native.core is not None:
        native.core.view(view, known.span)
    return known.span


def _timed(view: Any, known: _View) -> Any:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None:
            return await view(*args, **kwargs)
        started = reach(recording, known.words.started, known.words.began)
        try:
            response = await view(*args, **kwargs)
        except BaseException as error:
            without_us(error)
            spans.raised(recording, known.words, started, error)
            raise
        spans.returned(recording, known.words, known.name, started, response)
        return response

    return timed


def _template_named(template: Template) -> str:
    try:
        return shortened(str(template.template.name or "a template without a name"))
    except Exception as fault:
        faults.note(fault)
        return "a template"


_Words = tuple[int | str] | tuple[int, str]
_templates: dict[str, tuple[_Words, _Words]] = {}


def _template_words(template: Template) -> tuple[_Words, _Words]:
    """What stands for the beginning and the end of its rendering, in an event around the instant."""
    name = _template_named(template)
    words = _templates.get(name)
    if words is None:
        words = (_TEMPLATE_STARTED, name), (_TEMPLATE_FINISHED, name)
        try:
            # Names can be made up without end; most projects have few.
            if len(_templates) < _KEPT_TEMPLATES:
                started, finished = (WORDS.event(f"django.template.{what}", name) for what in ("started", "finished"))
                words = _templates[name] = (started,), (finished,)
        except Exception as fault:
            faults.note(fault)
    return words


def _noted(recording: Recording, event: _Words) -> None:
    try:
        recording.note((event[0], now(), *event[1:]))
    except Exception as fault:
        faults.note(fault)


def _rendering(original: Any) -> Any:
    @wraps(original)
    def render(self: Template, *args: Any, **kwargs: Any) -> Any:
        recording = current.get()
        if recording is None:
            return original(self, *args, **kwargs)
        started, finished = _template_words(self)
        _noted(recording, started)
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            without_us(error)
            raise
        finally:
            _noted(recording, finished)

    return render
