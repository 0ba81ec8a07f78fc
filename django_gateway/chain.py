"""The chain of middleware as built, and which hooks this exchange called: of those it did not, why. Pure functions."""

from __future__ import annotations

from typing import Any

from . import phases
from .exchange import Exchange


def chain(exchange: Exchange) -> dict[str, Any] | None:
    """The process' chain (see ``instrument.chain.read``), each hook with ``called`` and ``why`` not.

    None where it was not told.
    """
    built = exchange.fact(f"{'asgi' if exchange.interface == 'asgi' else 'wsgi'}.chain")
    if built is None:
        return None
    reached = phases.middleware(exchange)
    position = 0
    layers = []
    for layer in built["layers"]:
        here = None
        if layer["used"]:
            here = reached[position] if position < len(reached) else None
            position += 1
        told = _Told(exchange, layer, here, reached[-1].name if reached else None)
        hooks = [{**hook, **told.of(hook["name"])} for hook in layer["hooks"]]
        layers.append({**layer, "reached": here is not None, "hooks": hooks})
    return {**built, "layers": layers}


class _Told:
    def __init__(
        self, exchange: Exchange, layer: dict[str, Any], here: phases.Layer | None, innermost: str | None
    ) -> None:
        self.name = layer["name"]
        self.here = here
        self.innermost = innermost
        self.spans = phases.spans(exchange)
        self.hooks = {(s.fields["middleware"], s.fields["hook"]) for s in self.spans if s.kind == "django.hook"}
        self.resolver = next((span for span in self.spans if span.kind == "django.resolver"), None)
        self.view = next((span for span in self.spans if span.kind == "django.view"), None)

    def of(self, hook: str) -> dict[str, Any]:
        why = self._why_not(hook)
        return {"called": why is None, "why": why}

    def _why_not(self, hook: str) -> str | None:
        if (self.name, hook) in self.hooks:
            return None
        if self.here is None:
            return f"{self.innermost} answered before it was reached" if self.innermost else "it was not reached"
        if hook == "process_request":
            return None
        if hook == "process_response":
            return None if self.here.finished is not None else "it never came back"
        return self._why_not_at_the_view(hook)

    def _why_not_at_the_view(self, hook: str) -> str:
        if self.resolver is None:
            return f"{self.innermost} answered: no view was looked for"
        if self.resolver.failed:
            return "no route matched"
        if hook == "process_view":
            return "the process_view of an outer middleware answered"
        if hook == "process_exception":
            failed = self.view is not None and self.view.failed
            return "the process_exception of an inner middleware answered" if failed else "the view raised nothing"
        if self.view is None:
            return "a process_view answered in place of the view"
        return "the view raised" if self.view.failed else "the response has no render(): it is no template's"
