"""WSGI applications of every kind, also such as no specification allows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Log = list[Any]
Application = Callable[[Any, Any], Iterable[bytes]]
TYPE = [("Content-Type", "text/plain")]


class Broken(Exception):
    pass


class Body:
    """An iterable that tells what is done to it."""

    def __init__(self, log: Log, chunks: list[Any], *, breaks: bool = False, close_breaks: bool = False) -> None:
        self.log, self.chunks, self.breaks, self.close_breaks = log, iter(chunks), breaks, close_breaks
        log.append("made")

    def __iter__(self) -> Iterator[bytes]:
        self.log.append("iter")
        return self

    def __next__(self) -> bytes:
        self.log.append("next")
        for chunk in self.chunks:
            return chunk  # type: ignore[no-any-return]
        if self.breaks:
            raise Broken("in the middle")
        raise StopIteration

    def close(self) -> None:
        self.log.append("close")
        if self.close_breaks:
            raise Broken("while closing")


class Unclosable:
    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks

    def __getitem__(self, index: int) -> bytes:
        return self.chunks[index]


# Each makes an application that tells ``log`` what happens to it.


def one_block(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return [b"whole"]

    return application


def a_tuple(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return (b"a", b"", b"c")

    return application


def nothing_at_all(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("204 No Content", [])
        return []

    return application


def writes(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", TYPE)
        log.append(write(b"one"))
        log.append(write(b"two"))
        return [b"three"]

    return application


def writes_only(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)(b"all of it")
        return ()

    return application


def generator(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        log.append("called")
        start_response("200 OK", TYPE)
        try:
            yield b"a"
            log.append("between")
            yield b"b"
        finally:
            log.append("finally")

    return application


def closes(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return Body(log, [b"a", b"b"])

    return application


def breaks_in_the_middle(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return Body(log, [b"a"], breaks=True)

    return application


def breaks_while_closing(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return Body(log, [b"a"], close_breaks=True)

    return application


def breaks_before_the_response(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        raise Broken("at once")

    return application


def breaks_after_start_response(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        raise Broken("too late for another status")

    return application


def corrects_itself(log: Log) -> Application:
    """start_response twice, the second time with exc_info: allowed while nothing is sent."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        try:
            raise Broken("corrected")
        except Broken:
            start_response("500 Internal Server Error", [("X-Corrected", "yes")], sys.exc_info())
        return [b"sorry"]

    return application


def corrects_itself_too_late(log: Log) -> Application:
    """The server raises what it is given once something is sent."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        yield b"sent"
        try:
            raise Broken("nobody can help")
        except Broken:
            start_response("500 Internal Server Error", [], sys.exc_info())

    return application


def starts_twice(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        start_response("404 Not Found", TYPE)
        return [b"which?"]

    return application


def without_close(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return Unclosable([b"a", b"b"])

    return application


def bytes_alone(log: Log) -> Application:
    """Against the specification: iterating gives numbers."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return b"ab"

    return application


def no_bytes(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)
        return [None, b"b"]

    return application


def nothing_returned(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TYPE)

    return application


def leaves_by_system_exit(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        raise SystemExit(3)

    return application


def one_shot_headers(log: Log) -> Application:
    """Against the specification, which wants a list: they can be read once."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", iter(TYPE))
        return [b""]

    return application


def changes_the_environ(log: Log) -> Application:
    def application(environ: Any, start_response: Any) -> Any:
        log.append(environ["PATH_INFO"])
        environ["PATH_INFO"] = "/elsewhere"
        environ.clear()
        start_response("200 OK", TYPE)
        return [b"changed"]

    return application


APPLICATIONS = [
    one_block,
    a_tuple,
    nothing_at_all,
    writes,
    writes_only,
    generator,
    closes,
    breaks_in_the_middle,
    breaks_while_closing,
    breaks_before_the_response,
    breaks_after_start_response,
    corrects_itself,
    corrects_itself_too_late,
    starts_twice,
    without_close,
    bytes_alone,
    no_bytes,
    nothing_returned,
    leaves_by_system_exit,
    one_shot_headers,
    changes_the_environ,
]
