"""The chain of middleware as Django built it, once per process: what is listed, used, adapted, and with which hooks.

Django's own steps are listened to while it builds: each import, each adaptation between sync and async, each instance.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import wraps
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.core.handlers import base
from django.core.handlers.base import BaseHandler
from django.utils.deprecation import MiddlewareMixin

from .. import facts
from ..legible import shortened
from ..recording import faults
from .middleware import path_of

HOOKS: Final = (
    "process_request",
    "process_view",
    "process_template_response",
    "process_exception",
    "process_response",
)


class _Building(threading.local):
    #: ``(step, …)`` in the order of happening; None while nothing is built in this thread.
    steps: list[tuple[Any, ...]] | None = None


_building = _Building()


def patches() -> Iterable[tuple[Any, str, Any]]:
    yield base, "import_string", _imported(vars(base)["import_string"])
    yield base, "convert_exception_to_response", _converted(vars(base)["convert_exception_to_response"])
    yield BaseHandler, "adapt_method_mode", _adapted(BaseHandler.adapt_method_mode)
    yield BaseHandler, "load_middleware", _loaded(BaseHandler.load_middleware)


def _imported(original: Any) -> Any:
    @wraps(original)
    def import_string(path: str) -> Any:
        found = original(path)
        if _building.steps is not None:
            _building.steps.append(("import", path, found))
        return found

    return import_string


def _converted(original: Any) -> Any:
    @wraps(original)
    def convert(get_response: Any) -> Any:
        if _building.steps is not None:
            _building.steps.append(("made", get_response))
        return original(get_response)

    return convert


def _adapted(original: Any) -> Any:
    @wraps(original)
    def adapt_method_mode(self: BaseHandler, is_async: bool, method: Any, *args: Any, **kwargs: Any) -> Any:
        adapted = original(self, is_async, method, *args, **kwargs)
        if _building.steps is not None:
            _building.steps.append(("adapt", is_async, method, adapted is not method))
        return adapted

    return adapt_method_mode


def _loaded(original: Any) -> Any:
    @wraps(original)
    def load_middleware(self: BaseHandler, *args: Any, **kwargs: Any) -> Any:
        outer, _building.steps = _building.steps, []
        try:
            result = original(self, *args, **kwargs)
            steps = _building.steps
        finally:
            _building.steps = outer
        try:
            is_async = bool(args[0] if args else kwargs.get("is_async", False))
            facts.tell(f"{'asgi' if is_async else 'wsgi'}.chain", read(steps, is_async))
        except Exception as fault:
            faults.note(fault)
        return result

    return load_middleware


def read(steps: list[tuple[Any, ...]], is_async: bool) -> dict[str, Any]:
    """Plain data; layers are outermost first. ``calls`` is how a layer calls what lies inside it."""
    layers: list[dict[str, Any]] = []
    #: Of the instance that is about to be made: how each hook is adapted, by its name.
    adapted: dict[str, str | None] = {}
    outermost = None
    for step, *values in steps:
        if step == "import":
            path, factory = values
            layers.append(_listed(path, factory))
            adapted = {}
        elif step == "adapt":
            to_async, method, changed = values
            way = ("sync_to_async" if to_async else "async_to_sync") if changed else None
            if not layers or layers[-1]["used"]:
                outermost = way
            elif layers[-1]["mode"] is None:
                layers[-1].update(mode="async" if to_async else "sync", calls=way)
            else:
                adapted[getattr(method, "__name__", "")] = outermost = way
        elif layers:
            outermost = None
            layers[-1].update(used=True, name=path_of(values[0]), hooks=_hooks(values[0], adapted))
    return {"interface": "asgi" if is_async else "wsgi", "calls": outermost, "layers": layers[::-1]}


def _listed(path: str, factory: Any) -> dict[str, Any]:
    return {
        "name": shortened(path),
        "listed": shortened(path),
        "used": False,
        "mode": None,
        "calls": None,
        "sync_capable": bool(getattr(factory, "sync_capable", True)),
        "async_capable": bool(getattr(factory, "async_capable", False)),
        "hooks": [],
    }


def _hooks(instance: Any, adapted: dict[str, str | None]) -> list[dict[str, Any]]:
    found = []
    for name in HOOKS:
        hook = getattr(instance, name, None)
        # The first and the last are MiddlewareMixin's own business: to Django itself they are just methods.
        if callable(hook) and (isinstance(instance, MiddlewareMixin) or name in adapted):
            mode = "async" if iscoroutinefunction(hook) else "sync"
            found.append({"name": name, "mode": mode, "adapted": adapted.get(name)})
    return found
