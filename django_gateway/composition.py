"""What an ``application`` is made of: routers, middleware around one another, consumers and Django's handler.

Nothing is called and no property read: only what instances and closures hold is looked at, so looking changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Final

from .legible import shortened

#: Attributes and closed-over names under which a layer keeps the application that it wraps, most telling first.
_INNER: Final = ("inner", "application", "app", "_application", "_app", "wrapped", "__wrapped__", "get_response")
#: A tree that is larger is cut.
_MOST: Final = 500
_DEEPEST: Final = 30

#: A layer, and how it was reached: None for what is wrapped, else the router's own word for the branch.
Visit = tuple[Any, int, str | None]


def tree(application: Any) -> dict[str, Any]:
    """Plain data: ``{"name", "kind", "mode"?, "branches": [{"label", …the same again}]}``.

    ``kind`` is "router", "middleware", "consumer", "django" or "application".
    """
    root: dict[str, Any] = {}
    levels: list[dict[str, Any]] = []
    for layer, depth, label in walk(application):
        node = {"label": label, **_node(layer), "branches": []}
        del levels[depth:]
        if levels:
            levels[-1]["branches"].append(node)
        else:
            root = node
        levels.append(node)
    return root


def walk(application: Any) -> Iterator[Visit]:
    """Every layer, outermost first, with its depth."""
    left = _MOST
    above: list[Any] = []
    waiting: list[Visit] = [(application, 0, None)]
    while waiting and left:
        layer, depth, label = waiting.pop()
        layer = _bare(layer)
        del above[depth:]
        if any(layer is other for other in above):
            continue
        above.append(layer)
        left -= 1
        yield layer, depth, label
        if depth < _DEEPEST:
            waiting += [(inner, depth + 1, word) for inner, word in reversed(branches(layer))]


def branches(layer: Any) -> list[tuple[Any, str | None]]:
    held = _held(layer)
    for name in ("application_mapping", "mounts"):
        mapping = held.get(name)
        if isinstance(mapping, Mapping):
            found: list[tuple[Any, str | None]] = [
                (inner, shortened(str(key))) for key, inner in list(mapping.items())[:_MOST]
            ]
            return [*found, (held["app"], None)] if name == "mounts" and callable(held.get("app")) else found
    routes = held.get("routes")
    if isinstance(routes, (list, tuple)):
        return [(route.callback, pattern(route)) for route in routes[:_MOST] if hasattr(route, "callback")]
    if hasattr(layer, "consumer_class"):
        return []
    inner = next((held[name] for name in _INNER if name in held and callable(held[name])), None)
    return [] if inner is None or _is_django(layer, held) else [(inner, None)]


def pattern(route: Any) -> str:
    """As the URLconf has it."""
    return shortened(str(getattr(route, "pattern", "")))


def name_of(layer: Any) -> str:
    """Dotted path of a layer's class, or of the function that made it."""
    layer = getattr(layer, "consumer_class", layer)
    if not hasattr(layer, "__qualname__"):
        layer = type(layer)
    return f"{layer.__module__}.{layer.__qualname__}".partition(".<locals>")[0]


def _bare(layer: Any) -> Any:
    """Without our own wrapper, and the function in a partial."""
    while True:
        if type(layer).__module__.startswith("django_gateway.interfaces"):
            layer = layer.__wrapped__
        elif isinstance(layer, partial):
            layer = layer.func
        else:
            return layer


def _held(layer: Any) -> dict[str, Any]:
    if isinstance(layer, MethodType):
        layer = layer.__self__
    held = dict(getattr(layer, "__dict__", {}))
    if isinstance(layer, FunctionType) and layer.__closure__:
        for name, cell in zip(layer.__code__.co_freevars, layer.__closure__, strict=True):
            try:
                held.setdefault(name, cell.cell_contents)
            except ValueError:  # not filled yet
                continue
    return held


def _is_django(layer: Any, held: Mapping[str, Any]) -> bool:
    """Django's handler; the one for static files holds another, and is none."""
    return "_middleware_chain" in held and "application" not in held


def _node(layer: Any) -> dict[str, Any]:
    held = _held(layer)
    name = name_of(layer)
    consumer: Callable[..., Any] | None = getattr(layer, "consumer_class", None)
    if consumer is not None:
        return {"name": name, "kind": "consumer", "mode": "sync" if getattr(consumer, "_sync", False) else "async"}
    if "_middleware_chain" in held and "application" not in held:
        return {"name": name, "kind": "django"}
    if any(isinstance(held.get(key), kind) for key, kind in _ROUTERS):
        return {"name": name, "kind": "router"}
    return {"name": name, "kind": "middleware" if branches(layer) else "application"}


_ROUTERS: Final = (("application_mapping", Mapping), ("routes", (list, tuple)), ("mounts", Mapping))
