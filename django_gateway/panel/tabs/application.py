"""What ``application`` is made of, which branch the exchange took, and what happened in Channels on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from ... import channels
from ...channels import Layer
from ...exchange import Exchange
from .base import Query, Subject, Values, page_of
from .handover import literal


def shows(exchange: Exchange) -> bool:
    return tree(exchange) is not None or "asgi.entered" in map(itemgetter(0), exchange.trail)


def tree(exchange: Exchange) -> Any:
    return exchange.fact("asgi.application" if exchange.interface == "asgi" else "wsgi.application")


def build(subject: Subject, query: Query) -> Values:
    exchange = subject.exchange
    way = channels.way(exchange)
    root = tree(exchange)
    dispatches = channels.dispatches(exchange)
    page = page_of(dispatches, query)
    return {
        "nodes": list(_nodes(root, way, 0, 0)) if root else [],
        "way": [{"layer": layer, "added": [(key, literal(value)) for key, value in layer.added]} for layer in way],
        "dispatches": page,
        "dispatch_lines": [
            {
                "number": number,
                "dispatch": dispatch,
                "took": None if dispatch.finished is None else dispatch.finished - dispatch.started,
            }
            for number, dispatch in enumerate(page.items, page.first)
        ],
        "operations": [
            {
                "operation": operation,
                "took": None if operation.returned is None else operation.returned - operation.at,
            }
            for operation in channels.operations(exchange)[:500]
        ],
    }


def _nodes(
    node: dict[str, Any], way: Sequence[Layer], reached: int, depth: int, taken: bool = True
) -> Iterator[Values]:
    """The tree, line by line. Not taken is what lies behind another branch of a router."""
    module, _, short = node["name"].rpartition(".")
    yield {
        "label": node["label"],
        "name": short,
        "module": module,
        "kind": node["kind"],
        "mode": node.get("mode", ""),
        "depth": depth,
        "taken": taken,
    }
    branch = None
    if taken and reached < len(way) and way[reached].application == node["name"]:
        branch = way[reached].branch
        reached += 1
    for inner in node["branches"]:
        follows = taken and (inner["label"] is None or inner["label"] == branch)
        yield from _nodes(inner, way, reached, depth + 1, follows)
