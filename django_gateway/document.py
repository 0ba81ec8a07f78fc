"""An exchange as JSON data: what the panel's api, exports and other programs share.

Times are milliseconds from the start of the exchange; what could not be known is None, never invented.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import arrival, channels, correlation, phases, provenance, proxied, routing
from .chain import chain
from .connections import connections
from .exchange import (
    DURATION_FIELDS,
    INSTANT_FIELDS,
    Exchange,
    Failure,
    Frame,
    Loop,
    Match,
    Scheduler,
    Summary,
    format_id,
)

#: From (kind of handover, key, server's name) to where the key comes from, in a few words.
Explain = Callable[[str, str, str | None], str | None]


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
        "request_id": exchange.request_id,
        "trace_id": correlation.trace_id(exchange),
        "handover": _handover(exchange, explain),
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
        "match": _match(exchange.match),
        "scheduler": _scheduler(exchange.scheduler),
        "loop": _loop(exchange.loop),
        "process": _process(phases.process(exchange)),
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
        "channels": _channels(exchange),
        "connections": _connections(exchange),
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
        "messages": _messages(exchange),
        "close": exchange.close
        and {"code": exchange.close.code, "by": exchange.close.by, "reason": exchange.close.reason},
        "proxy": proxied.document(exchange, ms),
        "wire": arrival.document(exchange, ms),
        "events": [_event(happening) for happening in phases.happenings(exchange)],
        "events_dropped": exchange.sizes.dropped,
        "exception": _exception(exchange.failure),
        "stack": None if exchange.stack is None else _frames(exchange.stack),
        "findings": [],
        "vantage": exchange.vantage,
        "unseen": exchange.unseen,
    }


def ms(nanoseconds: int | None) -> float | None:
    """Milliseconds with the microseconds that are meant, None for None."""
    return None if nanoseconds is None else round(nanoseconds / 1e6, 4)


def moment(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _handover(exchange: Exchange, explain: Explain | None) -> dict[str, Any] | None:
    handover = exchange.handover
    if handover is None:
        return None
    return {
        "kind": handover.kind,
        "entries": [
            {
                "key": key,
                "value": value,
                "source": explain(handover.kind, key, exchange.server.name) if explain else None,
            }
            for key, value in handover.entries
        ],
    }


def _match(match: Match | None) -> dict[str, Any] | None:
    if match is None:
        return None
    return {
        "route": match.route,
        "view": match.view,
        "url_name": match.url_name,
        "namespaces": match.namespaces,
        "arguments": match.arguments,
    }


def _scheduler(scheduler: Scheduler | None) -> dict[str, Any] | None:
    if scheduler is None:
        return None
    return {
        "running_ms": ms(scheduler.running),
        "ready_ms": ms(scheduler.ready),
        "sleeping_ms": ms(scheduler.sleeping),
        "voluntary": scheduler.voluntary,
        "involuntary": scheduler.involuntary,
    }


def _loop(loop: Loop | None) -> dict[str, Any] | None:
    if loop is None:
        return None
    return {
        "running_ms": ms(loop.running),
        "suspended_ms": ms(loop.suspended),
        "steps": loop.steps,
        "longest_step_ms": ms(loop.longest_step),
        "longest_step_stack": None if loop.stack is None else _frames(loop.stack),
        "held_up": [format_id(number) for number in loop.held_up],
        "held_up_by": [format_id(number) for number in loop.held_up_by],
    }


def _process(process: phases.Process | None) -> dict[str, Any] | None:
    if process is None:
        return None
    interpreter = process.interpreter if process.source is not None else None
    return {
        "start_known_from": process.source,
        "interpreter_ms": ms(interpreter),
        "recorder_ms": _between(process.interpreter, process.recorder),
        "import_ms": _between(process.recorder or process.interpreter, process.application),
        "modules": process.modules,
        "cpu_before_ms": ms(process.cpu_before),
        "cpu_ms": ms(process.cpu),
        "memory_bytes": process.memory,
        "kept_ms": ms(process.kept),
    }


def _between(first: int | None, last: int | None) -> float | None:
    return None if first is None or last is None else ms(last - first)


def _messages(exchange: Exchange) -> list[dict[str, Any]]:
    return [
        {
            "direction": "received" if happening.name == "websocket.receive" else "sent",
            "type": happening.fields["kind"],
            "size": happening.fields["size"],
            "at_ms": ms(happening.at),
            "excerpt": happening.fields.get("excerpt"),
        }
        for happening in phases.happenings(exchange)
        if happening.name in ("websocket.receive", "websocket.send")
    ]


def _channels(exchange: Exchange) -> dict[str, Any] | None:
    """None where no application inside the outermost one was seen."""
    way = channels.way(exchange)
    operations = channels.operations(exchange)
    if not way and not operations:
        return None
    return {
        "way": [
            {
                "application": layer.application,
                "branch": layer.branch,
                "at_ms": ms(layer.at),
                "added": [{"key": key, "value": value} for key, value in layer.added],
            }
            for layer in way
        ],
        "dispatches": [
            {
                "consumer": dispatch.consumer,
                "handler": dispatch.handler,
                "mode": dispatch.mode,
                "at_ms": ms(dispatch.started),
                "ms": None if dispatch.finished is None else ms(dispatch.finished - dispatch.started),
                "exception": dispatch.exception,
            }
            for dispatch in channels.dispatches(exchange)
        ],
        "operations": [
            {
                "operation": operation.name,
                "group": operation.group,
                "channel": operation.channel,
                "type": operation.type,
                "at_ms": ms(operation.at),
                "ms": None if operation.returned is None else ms(operation.returned - operation.at),
                "exception": operation.exception,
            }
            for operation in operations
        ],
    }


def _connections(exchange: Exchange) -> list[dict[str, Any]]:
    return [
        {
            "alias": connection.alias,
            "vendor": connection.vendor,
            "thread": connection.thread,
            "opened": connection.opened,
            "at_ms": ms(connection.at),
            "ms": ms(connection.took),
            "exception": connection.exception,
            "closed_ms": ms(connection.closed),
            "left_open": connection.left_open,
            "max_age": connection.max_age,
        }
        for connection in connections(exchange)
    ]


def _event(happening: phases.Happening) -> dict[str, Any]:
    times = INSTANT_FIELDS | DURATION_FIELDS
    fields = {
        f"{name}_ms" if name in times else name: ms(value) if name in times else value
        for name, value in happening.fields.items()
    }
    return {"name": happening.name, "at_ms": ms(happening.at), **fields}


def _exception(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "type": failure.type,
        "message": failure.message,
        "where": failure.where,
        "handled": failure.handled,
        "frames": _frames(failure.frames),
    }


def _frames(frames: list[Frame]) -> list[dict[str, Any]]:
    return [
        {"file": frame.file, "line": frame.line, "function": frame.function, "code": frame.code} for frame in frames
    ]
