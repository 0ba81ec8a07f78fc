"""From the trail of an exchange to the lanes of its picture, from the client down to the body.

One rule holds in every lane: a piece is solid where it did its own work, pale where it waited for something further in.
So the solid parts, read from top to bottom, are the way of control.
"""

from __future__ import annotations

from ...exchange import HTTP, INTERRUPTED, LIFESPAN, WEBSOCKET, Exchange
from ..units import duration, share
from ..words import calls_ahead, server_name, short, thread_name
from . import answer, layers, process, proxy
from .intervals import Interval, intersect, subtract, union
from .loop import split_by_loop
from .pieces import CLIENT, INTERFACE, SERVER, Lane, Link, Picture, Piece
from .spans import Crossing, Trail

#: More threads than this share one lane.
_THREADS = 4

#: With more changes of thread than this, lines for each would hide what they connect.
_LINKS = 64

_CALLS = {
    "wsgi": "application(environ, start_response)",
    "asgi": "application(scope, receive, send)",
    "cgi": "application(environ, start_response)",
}


def picture(exchange: Exchange, trail: Trail) -> Picture:
    lanes = [_client(exchange, trail), _server(exchange, trail)]
    own = process.lane(exchange, trail)
    lanes += [own] if own is not None else []
    lanes += _threads(exchange, trail)
    if own is None or process.loaded(trail) is not None:
        lanes.append(_interface(exchange, trail))
    lanes += layers.lanes(exchange, trail)
    lanes += answer.lanes(exchange, trail)
    whole = Picture(trail.extent, lanes, _links(trail, lanes), exchange.ended is not None)
    return proxy.with_proxy(whole, exchange)


def _client(exchange: Exchange, trail: Trail) -> Lane:
    whole = duration(trail.extent)
    if exchange.type == WEBSOCKET:
        name, text, label = "connected", f"The connection was open for {whole}.", "connected"
    elif exchange.type == LIFESPAN:
        name, text, label = "no client", "Lifespan is between the server and the application alone.", "no client"
    elif trail.left is not None:
        left = duration(trail.left)
        name, text, label = (
            "left",
            f"The server noticed after {left} that it was gone.",
            f"request sent … gone after {left}",
        )
    elif exchange.duration is None:
        name, text, label = "waiting", f"It has been waiting for {whole}.", "request sent …"
    else:
        name, text = "waiting", f"It waited {whole}, and what the network took besides."
        label = "request sent … response complete"
    pieces = [Piece(0, trail.extent, CLIENT, name, text, (label, name), ended=exchange.ended is not None)]
    if trail.left is not None:
        text = "The server reported that the client is gone."
        name = {"cgi": "cgi.disconnect", "wsgi": "wsgi.abandoned"}.get(exchange.interface, "http.disconnect")
        if exchange.interface == "wsgi":
            text = "The server closed the body before its end: the client had left."
        pieces.append(Piece(trail.left, trail.left, CLIENT, name, text, form="mark"))
    return Lane("client", CLIENT, "Client", exchange.client or "", [pieces])


def _server(exchange: Exchange, trail: Trail) -> Lane:
    server = exchange.server
    name = server_name(server.name)
    if exchange.interface == "asgi":
        return _loop(exchange, trail, name)
    if exchange.interface == "cgi":
        text = "Started a process for this request, and sent what the process wrote to its standard output."
        labels = ("started a process for this request", name)
        piece = Piece(0, trail.extent, SERVER, name, text, labels, ended=exchange.ended is not None)
        return Lane("server", SERVER, name, "", [[piece, *_interruption(exchange, trail)]])
    returned = next((event.at for event in trail.named("wsgi.returned")), trail.extent)
    chunks = trail.named("wsgi.body")
    works: tuple[Interval, ...] = ()
    mixed: tuple[Interval, ...] = ()
    if len(chunks) > 2:
        mixed = ((returned, trail.extent),)
        text = f"Called the application, then asked it for {len(chunks):,} chunks and sent each before the next."
    else:
        works = tuple(subtract([(chunk.at, trail.extent) for chunk in chunks[:1]], []))
        text = "Called the application and waited for it, then sent what it returned."
    piece = Piece(0, trail.extent, SERVER, name, text, works=works, mixed=mixed, ended=exchange.ended is not None)
    return Lane("server", SERVER, name, thread_name(server.thread), [[piece, *_interruption(exchange, trail)]])


def _loop(exchange: Exchange, trail: Trail, name: str) -> Lane:
    """The event loop: pale where the exchange let others run."""
    away = [(c.started, c.returned) for c in trail.crossings if c.direction == "to_thread"]
    back = [c.ran for c in trail.crossings if c.direction == "to_loop" and c.ran is not None]
    sends = _sends(trail)
    candidates = subtract([(0, trail.extent)], subtract(union(away + sends), union(back)))
    works, mixed = split_by_loop(exchange, candidates)
    text = "Ran this request's code where solid; where pale, it was free for other requests."
    if exchange.loop is not None:
        text = (
            f"Ran this request's code for {share(exchange.loop.running, trail.extent)},"
            f" in {exchange.loop.steps:,} steps; the longest held the loop for {duration(exchange.loop.longest_step)}."
        )
    piece = Piece(
        0,
        trail.extent,
        SERVER,
        f"{name}, event loop",
        text,
        works=tuple(works),
        mixed=tuple(mixed),
        ended=exchange.ended is not None,
    )
    return Lane(
        "server",
        SERVER,
        f"{name}, loop",
        thread_name(exchange.server.thread),
        [[piece, *_interruption(exchange, trail)]],
    )


def _interruption(exchange: Exchange, trail: Trail) -> list[Piece]:
    if exchange.state != INTERRUPTED:
        return []
    text = f"The process {exchange.server.pid} ended here, or later."
    return [Piece(trail.extent, trail.extent, "bad", "interrupted", text, ("interrupted",), form="failure")]


def _threads(exchange: Exchange, trail: Trail) -> list[Lane]:
    """One lane for each thread (or loop) that crossings led to, in the order they were first entered."""
    by_name: dict[str, list[Crossing]] = {}
    for crossing in trail.crossings:
        # Back to the loop that called: its own lane shows it.
        if not (crossing.direction == "to_loop" and exchange.interface == "asgi"):
            by_name.setdefault(crossing.thread, []).append(crossing)
    if len(by_name) > _THREADS:
        by_name = {f"{len(by_name)} threads": [crossing for of_one in by_name.values() for crossing in of_one]}
    nested = union(
        (crossing.started, crossing.returned) for crossing in trail.crossings if crossing.direction == "to_loop"
    )
    lanes = []
    for number, (name, crossings) in enumerate(by_name.items()):
        pieces = [_hop(crossing, nested) for crossing in sorted(crossings, key=lambda crossing: crossing.started)]
        looped = crossings[0].direction == "to_loop"
        hops = f"{len(crossings):,} hop{'' if len(crossings) == 1 else 's'}"
        title = "Event loop" if looped else "Worker thread" if len(by_name) == 1 else f"Worker thread {number + 1}"
        lanes.append(Lane(f"thread-{number}", SERVER, title, f"{hops} · {name}", [pieces]))
    return lanes


def _hop(crossing: Crossing, nested: list[Interval]) -> Piece:
    ran = crossing.ran
    works: list[Interval] = []
    if ran is not None:
        works = [ran] if crossing.direction == "to_loop" else subtract([ran], nested)
    if ran is None:
        text = f"Never got to run: {duration(crossing.cost)} after it was asked for, the caller went on."
    else:
        where = f"thread {crossing.thread}" if crossing.direction == "to_thread" else f"the loop in {crossing.thread}"
        text = (
            f"Ran in {where} for {duration(ran[1] - ran[0])};"
            f" getting there took {duration(ran[0] - crossing.started)},"
            f" getting back {duration(crossing.returned - ran[1])}."
        )
        if crossing.ahead:
            text += f" {calls_ahead(crossing.ahead)} of it in the thread's queue."
    return Piece(
        crossing.started,
        crossing.returned,
        SERVER,
        short(crossing.function),
        text,
        works=tuple(works),
        form="hop",
        path=crossing.function,
    )


def _interface(exchange: Exchange, trail: Trail) -> Lane:
    title = {"asgi": "asgi.py"}.get(exchange.interface, "wsgi.py")
    call = _CALLS.get(exchange.interface, "application")
    returned = next((event.at for event in trail.named("wsgi.returned")), None)
    start = process.loaded(trail) or 0
    end = trail.extent if returned is None else returned
    works, mixed = interface_work(exchange, trail, end, start)
    framework = "ASGIHandler" if exchange.interface == "asgi" else "WSGIHandler"
    labels = (f"{call}  →  {framework}", call) if exchange.type == HTTP else (call,)
    text = f"The server called {call} and had control back after {duration(end - start)}."
    row = [
        Piece(
            start,
            end,
            INTERFACE,
            title,
            text,
            (*labels, "application(…)"),
            tuple(works),
            tuple(mixed),
            ended=exchange.ended is not None,
        )
    ]
    if returned is not None and returned < trail.extent:
        kind = next((event.fields.get("iterable") for event in trail.named("wsgi.returned")), "") or "iterable"
        text = f"The server iterates over the {kind} that it was given, then closes it."
        row.append(Piece(returned, trail.extent, INTERFACE, "response iterated", text, ("iterated by the server",)))
    for span in trail.of("signal"):
        text = f"Its receivers took {duration(span.finished - span.started)}."
        row.append(
            Piece(
                span.started,
                span.finished,
                INTERFACE,
                f"signal {span.name}",
                text,
                works=trail.own(span),
            )
        )
    return Lane("interface", INTERFACE, title, _vantage(exchange), [row])


def _sends(trail: Trail) -> list[Interval]:
    """When the application waited in send(), as far as a picture can show it."""
    least = trail.extent // 4000
    return [
        (event.at, event.returned)
        for event in trail.happenings
        if event.returned is not None and event.returned - event.at > least
    ]


def interface_work(exchange: Exchange, trail: Trail, end: int, start: int = 0) -> tuple[list[Interval], list[Interval]]:
    """When neither Django's inner parts nor a send() nor a change of thread was under way."""
    inner = [(s.started, s.finished) for s in trail.spans if s.kind != "signal"]
    inner += _sends(trail)
    candidates = subtract([(start, end)], union(inner + trail.waited))
    if exchange.interface != "asgi":
        return candidates, []
    surely, mixed = split_by_loop(exchange, candidates)
    in_threads = union(crossing.ran for crossing in trail.crossings if crossing.ran is not None)
    return union(surely + intersect(mixed, in_threads)), subtract(mixed, in_threads)


def _vantage(exchange: Exchange) -> str:
    return "" if exchange.vantage == "wrapper" else f"seen from the {exchange.vantage}"


def _links(trail: Trail, lanes: list[Lane]) -> list[Link]:
    """From the caller's lane to the innermost piece that ran on the other side, and back."""
    if len(trail.crossings) > _LINKS:
        return []
    links = []
    for crossing in trail.crossings:
        ran = crossing.ran
        if ran is None:
            continue
        target = _target(crossing, ran, lanes)
        if target is not None:
            links.append(Link(ran[0], ("server", 0), target, "out"))
            links.append(Link(ran[1], ("server", 0), target, "back"))
    return links


def _target(crossing: Crossing, ran: Interval, lanes: list[Lane]) -> tuple[str, int] | None:
    best: tuple[int, tuple[str, int]] | None = None
    for lane in lanes:
        if lane.key in ("client", "server") or lane.key.startswith("thread"):
            continue
        for number, row in enumerate(lane.rows):
            for piece in row:
                if piece.path and crossing.function.startswith(piece.path):
                    return lane.key, number
                # A piece that began over there is what the crossing was for; else the innermost around it.
                if ran[0] <= piece.started <= ran[1] and piece.finished <= ran[1]:
                    return lane.key, number
                if piece.started <= ran[0] and piece.finished >= ran[1] and piece.form == "span":
                    length = piece.finished - piece.started
                    if best is None or length <= best[0]:
                        best = length, (lane.key, number)
    return best[1] if best else None
