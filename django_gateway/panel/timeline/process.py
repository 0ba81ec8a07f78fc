"""The lane of a process that was started for one request (CGI): what it did before it could call the application."""

from __future__ import annotations

from ... import phases
from ...exchange import Exchange
from ..units import duration, size
from .pieces import CLIENT, INTERFACE, SERVER, Lane, Piece
from .spans import Trail


def loaded(trail: Trail) -> int | None:
    """When the application could be called; None where it could not, or where the process is not the request's own."""
    return next((event.at for event in trail.named("cgi.application.loaded")), None)


def lane(exchange: Exchange, trail: Trail) -> Lane | None:
    process = phases.process(exchange)
    if process is None:
        return None
    start = loaded(trail)
    ready = process.interpreter or 0
    end = trail.extent if start is None else start
    row = [
        _work(
            0, ready, SERVER, "interpreter", "The process was made, and Python started in it.", "new process, Python"
        ),
        _work(ready, process.recorder, "queue", "recorder", "Imports of what records: the price of this picture."),
        _work(process.recorder or ready, end, INTERFACE, "imports", _imports(process, start), "imports of the project"),
    ]
    if start is not None:
        text = "The process called the application, and ends when that has answered."
        row.append(Piece(start, trail.extent, SERVER, "application called", text, ended=exchange.ended is not None))
    for began, ended in zip(trail.named("cgi.stdin.started"), trail.named("cgi.stdin.finished"), strict=False):
        text = f"{size(ended.fields['size'])} were read, from the first byte to the last."
        row.append(_work(began.at, ended.at, CLIENT, "standard input", text))
    pieces = [piece for piece in row if piece is not None]
    return Lane("process", SERVER, "New process", f"pid {exchange.server.pid}", [pieces])


def _imports(process: phases.Process, loaded: int | None) -> str:
    if loaded is None:
        return "Imports of Django and the project, which did not succeed."
    modules = "" if process.modules is None else f": {process.modules:,} modules are there now"
    cpu = "" if process.cpu_before is None else f", and {duration(process.cpu_before)} of CPU time are used"
    return f"Imports of Django and the project{modules}{cpu}."


def _work(started: int, finished: int | None, place: str, name: str, text: str, label: str = "") -> Piece | None:
    if finished is None or finished <= started:
        return None
    return Piece(started, finished, place, name, text, (label or name, name), works=((started, finished),))
