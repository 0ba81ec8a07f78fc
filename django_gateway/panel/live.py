"""What comes in, as it comes in: server-sent events where a thread can be spared for them, polling elsewhere."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from .. import document
from ..exchange import Summary, format_id
from ..stores.base import Store, StoreError
from ..stores.filters import Condition, matches
from . import query
from .access import PanelRequest, panel_view
from .api import bad_query, json_response
from .pages import address, addresses
from .refusals import refuse
from .rows import row

#: Seconds between two looks into the store; an exchange is to be seen within 0.25.
INTERVAL: Final = 0.1
HEARTBEAT: Final = 10.0
COUNT_EVERY: Final = 1.0
#: After this many seconds a stream ends, and the browser asks again: nobody forgotten holds a thread for days.
LONGEST: Final = 15 * 60.0
#: Exchanges of one look; of more, the newest are told.
BATCH: Final = 200
MOST_STREAMS: Final = 32
STREAM: Final = "text/event-stream; charset=utf-8"

#: Where the panel's own server leaves what a stream needs to know, in the environ.
CONNECTION: Final = "django_gateway.panel.connection"
DRAINING: Final = "django_gateway.panel.draining"

_streams = threading.BoundedSemaphore(MOST_STREAMS)


class _Flag(Protocol):
    def wait(self, timeout: float | None = None) -> bool: ...
    def is_set(self) -> bool: ...


def _items(request: PanelRequest, summaries: Iterable[Summary]) -> Iterator[dict[str, Any]]:
    """Exchanges for programs, and beside each, under "row", the same in the words of the page."""
    href = addresses(request)
    for summary in summaries:
        shown = row(summary)
        yield {**document.row(summary), "row": {**shown, "href": href(shown["id"])}}


def _forgotten(store: Store, before: int, cursor: int) -> list[str]:
    return [format_id(number) for number in store.forgotten(before)] if 0 <= before < cursor else []


@panel_view(answers="json")
def poll(request: PanelRequest) -> HttpResponse:
    """What was put into the store since ``cursor``, in that order, and the cursor to come back with.

    "forgotten" are the ids that were taken away since: a proxy's own exchange, once the application's recorder brought
    the one that both have seen.
    """
    try:
        conditions = query.conditions(request.GET, ("cursor",))
        cursor = query.cursor(request.GET.get("cursor"))
    except query.BadQueryError as error:
        return bad_query(request, error)
    store = request.gateway.store
    now, news = store.since(cursor, limit=BATCH)
    return json_response(
        {
            "cursor": now,
            "exchanges": list(_items(request, (each for each in news if matches(each, conditions)))),
            "forgotten": _forgotten(store, cursor, now),
            "recorded": store.statistics().exchanges,
        }
    )


@panel_view(answers="json")
def live(request: PanelRequest) -> HttpResponseBase:
    """Events: ``exchange``, one each; ``forgotten``, ids; ``recorded``, how many there are; ``trouble``, a sentence."""
    if not request.gateway.instance.streams:
        text = "Here a stream would hold one of the project's workers: poll instead."
        return refuse(request, 409, "No stream", text, poll=address(request, "poll"))
    try:
        conditions = query.conditions(request.GET, ("cursor",))
        cursor = query.cursor(request.headers.get("Last-Event-ID") or request.GET.get("cursor"))
    except query.BadQueryError as error:
        return bad_query(request, error)
    if request.method == "HEAD":
        return HttpResponse(content_type=STREAM)
    feed = Feed(request, conditions, cursor)
    if not _streams.acquire(blocking=False):
        response = refuse(request, 503, "Too many streams", "Close some of the windows that watch this panel.")
        response.headers["Retry-After"] = "10"
        return response
    return StreamingHttpResponse(feed, content_type=STREAM, headers={"X-Accel-Buffering": "no"})


class Feed:
    """The stream's body, made for a place that was taken; ``close``, which servers call in any case, gives it back."""

    def __init__(self, request: PanelRequest, conditions: Sequence[Condition], cursor: int) -> None:
        self._request = request
        self._store: Store = request.gateway.store
        self._conditions = conditions
        self._cursor = cursor
        self._connection: socket.socket | None = request.META.get(CONNECTION)
        self._draining: _Flag = request.META.get(DRAINING) or threading.Event()
        self._events = self._run()
        self._held = True

    def __iter__(self) -> Iterator[str]:
        return self._events

    def close(self) -> None:
        self._events.close()  # type: ignore[attr-defined]
        if self._held:
            self._held = False
            _streams.release()

    def _run(self) -> Iterator[str]:
        # A first line at once, so that the browser knows it is connected.
        yield "retry: 1000\n\n"
        end = time.monotonic() + LONGEST
        spoken = counted = time.monotonic()
        recorded = -1
        trouble = ""
        while not self._draining.is_set() and not self._left() and (now := time.monotonic()) < end:
            text = ""
            try:
                text = self._news()
                if now - counted >= COUNT_EVERY or recorded < 0:
                    counted = now
                    if (count := self._store.statistics().exchanges) != recorded:
                        recorded = count
                        text += _event("recorded", {"recorded": count})
                if trouble:
                    trouble = ""
                    text += _event("trouble", {"message": ""})
            except StoreError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    text += _event("trouble", {"message": trouble})
            if not text and now - spoken >= HEARTBEAT:
                text = ": still here\n\n"
            if text:
                spoken = now
                yield text
            self._draining.wait(INTERVAL)

    def _news(self) -> str:
        cursor, news = self._store.since(self._cursor, limit=BATCH)
        if cursor == self._cursor:
            return ""
        before, self._cursor = self._cursor, cursor
        found = [summary for summary in news if matches(summary, self._conditions)]
        text = "".join(_event("exchange", item) for item in _items(self._request, found))
        if gone := _forgotten(self._store, before, cursor):
            text += _event("forgotten", {"ids": gone})
        # Told after all of its exchanges, also where the filter left none: from there a lost stream resumes.
        return f"{text}id: {cursor}\n\n"

    def _left(self) -> bool:
        """Whether the client has closed its side; nothing else of a finished request can tell."""
        connection = self._connection
        if connection is None:
            return False
        poller = select.poll()
        try:
            poller.register(connection, select.POLLIN)
            return bool(poller.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'), default=str)}\n\n"
