"""One row of the list, in words and numbers, for the template and for the live feed alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypedDict

from ..exchange import FINISHED, HTTP, IN_FLIGHT, INTERRUPTED, LIFESPAN, WEBSOCKET, Summary, format_id
from .text import shown
from .units import MILLISECOND, duration
from .words import server_name

#: Parts of the duration bar, in the order they are drawn; also the names of their colours.
PLACES: Final = ("server", "interface", "middleware", "view", "body")
#: Width of a bar in the units of its own drawing.
BAR: Final = 1000
#: No bar is drawn narrower: there was something.
NARROWEST: Final = 25


class Row(TypedDict):
    """What is shown of one exchange; recorded text in it is harmless to look at, and still to be escaped as HTML."""

    id: str
    #: "WS", "ASGI", "WSGI", "CGI" or "PROXY".
    tag: str
    method: str
    target: str
    note: str
    status: str
    #: "ok", "redirect", "client", "server", "none" (nothing was answered) or "open" (not yet).
    tone: str
    state: str
    duration: str
    #: Local time of day, and the instant as RFC 3339.
    time: str
    at: str
    #: Nanoseconds; None where the bar is not to be measured against others: it lasts as long as somebody stays.
    measure: int | None
    #: Nanoseconds of each of PLACES.
    parts: list[int]


def row(summary: Summary) -> Row:
    started = datetime.fromtimestamp(summary.started_at / 1e9, UTC)
    target = summary.path + (f"?{summary.query}" if summary.query else "")
    return {
        "id": format_id(summary.id),
        "tag": "WS" if summary.type == WEBSOCKET else shown(summary.interface.upper(), 8),
        "method": shown(summary.method or "", 16),
        "target": "lifespan" if summary.type == LIFESPAN else shown(target, 160),
        "note": " · ".join(_notes(summary)),
        "status": str(summary.status) if summary.status is not None else "…" if summary.state == IN_FLIGHT else "—",
        "tone": tone(summary),
        "state": summary.state,
        "duration": took(summary),
        "time": f"{started.astimezone():%H:%M:%S}.{started.microsecond // 1000:03d}",
        "at": started.isoformat(timespec="milliseconds"),
        "measure": _measure(summary),
        "parts": _parts(summary),
    }


def took(summary: Summary) -> str:
    """Proxies count in whole milliseconds, so none of them is less than one."""
    if summary.duration is None:
        return ""
    whole = summary.interface == "proxy" and summary.duration < MILLISECOND
    return "< 1 ms" if whole else duration(summary.duration)


def _notes(summary: Summary) -> list[str]:
    sizes = summary.sizes
    notes = [f"new process, {duration(summary.split.process)} to load the project"] if summary.split.process else []
    if summary.state == INTERRUPTED:
        notes.append("interrupted")
    elif summary.state == IN_FLIGHT:
        notes.append("open" if summary.type == WEBSOCKET else "in flight")
    if summary.exception:
        notes.append(shown(summary.exception.rpartition(".")[2] or summary.exception, 60))
    if summary.type == WEBSOCKET:
        notes += [f"{sizes.received:,} in", f"{sizes.sent:,} out"]
        if summary.duration is not None and summary.status in (None, 101):
            notes.append(f"open {duration(summary.duration)}")
    if sizes.crossings:
        notes.append(f"{sizes.crossings:,} thread hop{'' if sizes.crossings == 1 else 's'}")
    if sizes.chunks > 1:
        notes.append(f"{sizes.chunks:,} chunks")
    if sizes.dropped:
        notes.append(f"{sizes.dropped:,} events dropped")
    if summary.view:
        notes.append(shown(summary.view, 100))
    elif summary.interface == "proxy":
        notes.append(f"seen by {server_name(summary.server)} only")
    elif summary.status == 404:
        notes.append("no route matched")
    return notes


def _parts(summary: Summary) -> list[int]:
    if summary.type == WEBSOCKET:
        # All of it is for the messages, whoever waits for them.
        return [0, 0, 0, 0, summary.duration or 0]
    if summary.interface == "proxy":
        return [summary.duration or 0, 0, 0, 0, 0]
    split = summary.split
    return [max(part, 0) for part in (split.process, split.interface, split.middleware, split.view, split.body)]


def tone(summary: Summary) -> str:
    """One of Row's tones: how it ended."""
    status = summary.status
    if summary.exception and summary.type == HTTP and status is not None and status < 400:
        # The head said that all was well before it was known.
        return "server"
    if status is None:
        return "open" if summary.state == IN_FLIGHT else "none" if summary.type == HTTP else "ok"
    if status >= 500:
        return "server"
    if status >= 400:
        return "client"
    return "redirect" if 300 <= status < 400 else "ok"


def _measure(summary: Summary) -> int | None:
    if summary.type != HTTP or summary.state != FINISHED or not summary.duration:
        return None
    # A stream lasts as long as somebody listens: measured against it, everything else would be a dot.
    if summary.sizes.chunks > 3 and summary.split.body > 0.9 * summary.duration:
        return None
    return summary.duration


class Segment(TypedDict):
    place: str
    x: int
    width: int


def scale(rows: Sequence[Row]) -> int:
    """The duration that fills a bar: the longest of those on the page, in nanoseconds."""
    return max((measure for row in rows if (measure := row["measure"])), default=1)


def bar(row: Row, longest: int) -> list[Segment]:
    """The bar's segments, left to right without a gap, in units of which BAR fill the row's whole bar."""
    parts = row["parts"]
    total = sum(parts)
    measure = row["measure"]
    if not total:
        return []
    width = BAR if measure is None else _width(measure, longest)
    segments: list[Segment] = []
    done = 0
    for place, part in zip(PLACES, parts, strict=True):
        left = round(width * done / total)
        done += part
        right = round(width * done / total)
        if right > left:
            segments.append({"place": place, "x": left, "width": right - left})
    return segments


def _width(measure: int, longest: int) -> int:
    """By the square root: beside one that takes a hundred times as long, a bar is still a tenth and shows its parts."""
    return max(min(round(BAR * math.sqrt(measure / max(longest, 1))), BAR), NARROWEST)


class Link(TypedDict):
    """One of the chips from the server to Django, in the page's header."""

    place: str
    text: str
    title: str


def chain(
    server: str | None, version: str | None, pids: Sequence[int], interface: str, django: str, front: str | None = None
) -> list[Link]:
    """Through what the requests came that are recorded: a proxy in front, the server, the entry, the framework."""
    name = shown(" ".join(filter(None, (server, version))) or "unknown server", 40)
    workers = f"pid {pids[0]}" if len(pids) == 1 else f"{len(pids)} processes"
    entry = {"asgi": "asgi.py", "wsgi": "wsgi.py"}.get(interface, shown(interface.upper(), 8))
    called = {
        "asgi": "application(scope, receive, send)",
        "wsgi": "application(environ, start_response)",
    }.get(interface, "a process for each request")
    if interface == "proxy":
        title = "The web server in front, which answered itself"
        return [{"place": "proxy", "text": f"{name} · {workers}", "title": title}]
    proxy: Link = {"place": "proxy", "text": shown(front or "", 40), "title": "The web server in front"}
    return [
        *([proxy] if front else []),
        {"place": "server", "text": f"{name} · {workers}", "title": "The server that called the application"},
        {"place": "interface", "text": entry, "title": called},
        {"place": "view", "text": f"Django {django}", "title": "The framework behind the interface"},
    ]


def query_string(**parameters: Any) -> str:
    """``?a=b&c=d`` without what is empty; "" where all is."""
    from urllib.parse import urlencode

    text = urlencode({name: value for name, value in parameters.items() if value})
    return f"?{text}" if text else ""
