"""The parts of an exchange's JSON, one function each; ``document`` puts them together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import phases
from .channels import dispatches
from .channels import operations as found_operations
from .channels import way as found_way
from .connections import connections as found_connections
from .cut_short import cut_short as found_cut_short
from .events import DURATION_FIELDS, INSTANT_FIELDS
from .exchange import LIFESPAN, Exchange, Failure, Frame, Loop, Match, Scheduler, format_id

#: From (kind of handover, key, server's name) to where the key comes from, in a few words.
Explain = Callable[[str, str, str | None], str | None]


def ms(nanoseconds: int | None) -> float | None:
    """Milliseconds with the microseconds that are meant, None for None."""
    return None if nanoseconds is None else round(nanoseconds / 1e6, 4)


def moment(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def handover(exchange: Exchange, explain: Explain | None) -> dict[str, Any] | None:
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


def socket(exchange: Exchange) -> dict[str, Any] | None:
    """The connection that it came on: its descriptor in the server's process, and both ends as the server names them.

    None where it came on none: a lifespan.
    """
    if exchange.type == LIFESPAN:
        return None
    told = dict(exchange.handover.entries) if exchange.handover is not None else {}
    server = told.get("server") or [told.get("SERVER_ADDR") or told.get("SERVER_NAME"), told.get("SERVER_PORT")]
    parts = [str(part) for part in server if part is not None] if isinstance(server, (list, tuple)) else []
    return {"descriptor": exchange.descriptor, "local": ":".join(parts) or None, "peer": exchange.client}


def match(match: Match | None) -> dict[str, Any] | None:
    if match is None:
        return None
    return {
        "route": match.route,
        "view": match.view,
        "url_name": match.url_name,
        "namespaces": match.namespaces,
        "arguments": match.arguments,
    }


def scheduler(scheduler: Scheduler | None) -> dict[str, Any] | None:
    if scheduler is None:
        return None
    return {
        "running_ms": ms(scheduler.running),
        "ready_ms": ms(scheduler.ready),
        "sleeping_ms": ms(scheduler.sleeping),
        "voluntary": scheduler.voluntary,
        "involuntary": scheduler.involuntary,
    }


def loop(loop: Loop | None) -> dict[str, Any] | None:
    if loop is None:
        return None
    return {
        "running_ms": ms(loop.running),
        "suspended_ms": ms(loop.suspended),
        "steps": loop.steps,
        "longest_step_ms": ms(loop.longest_step),
        "longest_step_stack": None if loop.stack is None else frames(loop.stack),
        "lag_ms": ms(loop.lag),
        "held_up": [format_id(number) for number in loop.held_up],
        "held_up_by": [format_id(number) for number in loop.held_up_by],
    }


def process(process: phases.Process | None) -> dict[str, Any] | None:
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


def messages(exchange: Exchange) -> list[dict[str, Any]]:
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


def channels(exchange: Exchange) -> dict[str, Any] | None:
    """None where no application inside the outermost one was seen."""
    way = found_way(exchange)
    operations = found_operations(exchange)
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
            for dispatch in dispatches(exchange)
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


def connections(exchange: Exchange) -> list[dict[str, Any]]:
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
        for connection in found_connections(exchange)
    ]


def cut_short(exchange: Exchange) -> list[dict[str, Any]]:
    return [
        {
            "kind": step.kind,
            "event": step.event,
            "at_ms": ms(step.at),
            "name": step.name,
            "thread": step.thread,
            "begun": step.begun,
            "until_ms": ms(step.until),
        }
        for step in found_cut_short(exchange)
    ]


def event(happening: phases.Happening) -> dict[str, Any]:
    times = INSTANT_FIELDS | DURATION_FIELDS
    fields = {
        f"{name}_ms" if name in times else name: ms(value) if name in times else value
        for name, value in happening.fields.items()
    }
    return {"name": happening.name, "at_ms": ms(happening.at), **fields}


def last(happening: phases.Happening | None) -> dict[str, Any] | None:
    return None if happening is None else event(happening)


def exception(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "type": failure.type,
        "message": failure.message,
        "where": failure.where,
        "handled": failure.handled,
        "frames": frames(failure.frames),
    }


def frames(frames: list[Frame]) -> list[dict[str, Any]]:
    return [
        {"file": frame.file, "line": frame.line, "function": frame.function, "code": frame.code} for frame in frames
    ]
