"""What the reader's own exchanges say to each step, in a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from ...exchange import FINISHED, HTTP, IN_FLIGHT, WEBSOCKET, Exchange, Summary
from ...proxied import proxied
from ..units import duration, size
from ..words import count, server_name


class Fact(NamedTuple):
    value: str
    #: What it is a number of. Both may be recorded text.
    text: str


#: Which of the reader's exchanges a step looks at.
_WANTED: Final[dict[str, Callable[[Summary], bool]]] = {
    "scheduler": lambda each: each.interface == "wsgi",
    "cgi": lambda each: each.interface == "cgi",
    "process": lambda each: each.interface == "cgi",
    "wsgi": lambda each: each.interface == "wsgi",
    "start_response": lambda each: each.interface == "wsgi",
    "asgi": lambda each: each.interface == "asgi",
    "hops": lambda each: each.interface == "asgi" and each.sizes.crossings > 0,
    "bytes": lambda each: True,
    "proxy": lambda each: each.interface != "proxy",
}


def newest(key: str, summaries: Iterable[Summary]) -> Summary | None:
    """The newest that suits the step; pages before files, as a view says more."""
    if key == "websocket":
        return next((each for each in summaries if each.type == WEBSOCKET and each.state != IN_FLIGHT), None)
    wanted = _WANTED.get(key)
    if wanted is None:
        return None
    found = [each for each in summaries if each.type == HTTP and each.state == FINISHED and wanted(each)]
    return next((each for each in found if each.view), found[0] if found else None)


def facts(key: str, exchange: Exchange) -> list[Fact]:
    found = _FACTS.get(key, _plain)(exchange)
    return [fact for fact in found if fact.value]


def _plain(exchange: Exchange) -> Sequence[Fact]:
    headers = len(exchange.headers or ())
    return [
        Fact(str(exchange.status or ""), "was the status"),
        Fact(count(headers, "header") if headers else "", "came back"),
        Fact(size(exchange.sizes.body_bytes), "made the body"),
    ]


def _scheduler(exchange: Exchange) -> Sequence[Fact]:
    scheduler = exchange.scheduler
    if scheduler is None:
        return []
    return [
        Fact(duration(scheduler.running), "running, with a CPU"),
        Fact("" if scheduler.ready is None else duration(scheduler.ready), "ready, waiting for one"),
        Fact(duration(scheduler.sleeping), "sleeping"),
        Fact("" if scheduler.voluntary is None else count(scheduler.voluntary, "time"), "it gave way by itself"),
    ]


def _cgi(exchange: Exchange) -> Sequence[Fact]:
    handed = exchange.handover.entries if exchange.handover else []
    return [
        Fact(str(exchange.server.pid), "was its process, started for it and gone with it"),
        Fact(count(len(handed), "variable"), "were its environment"),
        Fact(size(exchange.sizes.request_bytes), "came on standard input"),
    ]


def _process(exchange: Exchange) -> Sequence[Fact]:
    whole, loading = exchange.duration or 0, exchange.split.process
    share = f"{100 * loading // whole} %" if whole else ""
    return [
        Fact(duration(loading), "until the project was loaded"),
        Fact(share, "of all the time it took"),
        Fact(duration(exchange.split.view), "in the view itself"),
    ]


def _wsgi(exchange: Exchange) -> Sequence[Fact]:
    handed = exchange.handover.entries if exchange.handover else []
    from_cgi = sum(str(key).isupper() for key, _ in handed)
    return [
        Fact(count(len(handed), "key"), "in environ"),
        Fact(str(from_cgi), "of them as CGI had them"),
        Fact(server_name(exchange.server.name), "called the application"),
    ]


def _start_response(exchange: Exchange) -> Sequence[Fact]:
    return [
        Fact(str(exchange.status or ""), "was the status given to start_response"),
        Fact(count(exchange.sizes.chunks, "piece"), "followed it"),
        Fact(size(exchange.sizes.body_bytes), "in all"),
    ]


def _asgi(exchange: Exchange) -> Sequence[Fact]:
    loop = exchange.loop
    handed = exchange.handover.entries if exchange.handover else []
    return [
        Fact(count(len(handed), "key"), "in the scope"),
        Fact("" if loop is None else count(loop.steps, "step"), "on the event loop"),
        Fact("" if loop is None else duration(loop.suspended), "suspended, while others could run"),
    ]


def _hops(exchange: Exchange) -> Sequence[Fact]:
    loop = exchange.loop
    return [
        Fact(count(exchange.sizes.crossings, "thread hop"), "on the way"),
        Fact(duration(exchange.duration or 0), "in all"),
        Fact("" if loop is None else duration(loop.longest_step), "the longest time that nobody else could run"),
    ]


def _websocket(exchange: Exchange) -> Sequence[Fact]:
    sizes, close = exchange.sizes, exchange.close
    return [
        Fact(count(sizes.received, "message"), "from the client"),
        Fact(count(sizes.sent, "message"), "to the client"),
        Fact("" if exchange.duration is None else duration(exchange.duration), "open"),
        Fact("" if close is None or close.code is None else str(close.code), "was the code it was closed with"),
    ]


def _proxy(exchange: Exchange) -> Sequence[Fact]:
    seen = proxied(exchange)
    if seen is None:
        return []
    return [
        Fact(f"{seen.title} {seen.version}".strip(), "stood in front"),
        Fact(duration(seen.total) if seen.total else "< 1 ms", "until it was done with the client"),
        Fact(duration(seen.queue) if seen.queue else "", "about, until a worker had taken it"),
        Fact(duration(exchange.duration or 0), "it kept the worker busy"),
    ]


_FACTS: Final[dict[str, Callable[[Exchange], Sequence[Fact]]]] = {
    "scheduler": _scheduler,
    "cgi": _cgi,
    "process": _process,
    "wsgi": _wsgi,
    "start_response": _start_response,
    "asgi": _asgi,
    "hops": _hops,
    "websocket": _websocket,
    "proxy": _proxy,
}
