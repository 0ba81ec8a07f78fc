"""An exchange as JSON data: what the panel's api, exports and other programs share.

Times are milliseconds from the start of the exchange; what could not be known is None, never invented.
"""

from __future__ import annotations

from typing import Any

from . import arrival, correlation, documented, phases, provenance, proxied, routing
from .chain import chain
from .documented import Explain, moment, ms
from .exchange import Exchange, Summary, format_id


def row(summary: Summary) -> dict[str, Any]:
    """The scalar keys of an exchange, as the list carries them."""
    sizes, split = summary.sizes, summary.split
    return {
        "id": format_id(summary.id),
        "interface": summary.interface,
        "type": summary.type,
        "state": summary.state,
        "started_at": moment(summary.started_at),
        "duration_ms": ms(summary.duration),
        "method": summary.method,
        "path": summary.path,
        "query": summary.query,
        "status": summary.status,
        "client": summary.client,
        "server": summary.server,
        "pid": summary.pid,
        "route": summary.route,
        "view": summary.view,
        "exception": summary.exception,
        "crossings": sizes.crossings,
        "request_bytes": sizes.request_bytes,
        "body_bytes": sizes.body_bytes,
        "chunks": sizes.chunks,
        "received": sizes.received,
        "sent": sizes.sent,
        "process_ms": ms(split.process),
        "interface_ms": ms(split.interface),
        "middleware_ms": ms(split.middleware),
        "view_ms": ms(split.view),
        "body_ms": ms(split.body),
    }


def document(exchange: Exchange, explain: Explain | None = None) -> dict[str, Any]:
    """The whole exchange. ``explain`` gives the source of each key of the handover; without it that is None."""
    view = phases.view(exchange)
    return {
        "id": format_id(exchange.id),
        "interface": exchange.interface,
        "type": exchange.type,
        "state": exchange.state,
        "started_at": moment(exchange.started_at),
        "duration_ms": ms(exchange.duration),
        "method": exchange.method,
        "path": exchange.path,
        "query": exchange.query,
        "status": exchange.status,
        "server": {
            "name": exchange.server.name,
            "version": exchange.server.version,
            "pid": exchange.server.pid,
            "thread": exchange.server.thread,
            "host": exchange.server.host,
        },
        "client": exchange.client,
        "socket": documented.socket(exchange),
        "request_id": exchange.request_id,
        "trace_id": correlation.trace_id(exchange),
        "handover": documented.handover(exchange, explain),
        "middleware": [
            {
                "name": layer.name,
                "mode": layer.mode,
                "before_ms": ms(layer.before),
                "after_ms": ms(layer.after),
                "self_ms": ms(layer.own),
            }
            for layer in phases.middleware(exchange)
        ],
        "crossings": [
            {
                "direction": crossing.direction,
                "function": crossing.function,
                "caller": crossing.caller,
                "thread": crossing.thread,
                "at_ms": ms(crossing.started),
                "waited_ms": ms(crossing.waited),
                "ran_ms": ms(crossing.ran),
                "ahead": crossing.ahead,
            }
            for crossing in phases.crossings(exchange)
        ],
        "view": view
        and {
            "name": view.name,
            "mode": view.mode,
            "ms": None if view.finished is None else ms(view.finished - view.started),
        },
        "route": exchange.match.route if exchange.match else None,
        "match": documented.match(exchange.match),
        "scheduler": documented.scheduler(exchange.scheduler),
        "loop": documented.loop(exchange.loop),
        "process": documented.process(phases.process(exchange)),
        "request": {"body_bytes": exchange.sizes.request_bytes},
        "response": None
        if exchange.headers is None
        else {
            "headers": [
                {"name": name, "value": value, "origin": origin.by, "changed_by": origin.changed_by}
                for (name, value), origin in zip(exchange.headers, provenance.origins(exchange), strict=True)
            ]
            + arrival.headers(exchange),
            "removed": [
                {"name": header.name, "origin": header.by, "removed_by": header.removed_by}
                for header in provenance.removed(exchange)
            ]
            + arrival.removed(exchange),
            "body_bytes": exchange.sizes.body_bytes,
            "chunks": exchange.sizes.chunks,
        },
        "application": exchange.fact(f"{'asgi' if exchange.interface == 'asgi' else 'wsgi'}.application"),
        "channels": documented.channels(exchange),
        "connections": documented.connections(exchange),
        "chain": chain(exchange),
        "routing": routing.as_data(routing.routing(exchange)),
        "body_reads": [
            {
                "how": read.how,
                "by": read.by,
                "at_ms": ms(read.at),
                "ms": ms(read.took),
                "size": read.size,
                "exception": read.exception,
            }
            for read in routing.reads(exchange)
        ],
        "receivers": exchange.fact("django.receivers"),
        "messages": documented.messages(exchange),
        "close": exchange.close
        and {"code": exchange.close.code, "by": exchange.close.by, "reason": exchange.close.reason},
        "cut_short": documented.cut_short(exchange),
        "proxy": proxied.document(exchange, ms),
        "wire": arrival.document(exchange, ms),
        "events": [documented.event(happening) for happening in phases.happenings(exchange)],
        "last_event": documented.last(phases.reached(exchange)),
        "events_dropped": exchange.sizes.dropped,
        "exception": documented.exception(exchange.failure),
        "stack": None if exchange.stack is None else documented.frames(exchange.stack),
        "findings": [],
        "vantage": exchange.vantage,
        "unseen": exchange.unseen,
    }
