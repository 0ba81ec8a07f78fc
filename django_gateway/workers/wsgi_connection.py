"""One connection of Django's own server: what runserver's does, and what a worker that ends has to know of it."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import suppress
from typing import Any

from django.core.servers.basehttp import ServerHandler, WSGIRequestHandler

from . import access_log

#: Seconds in which a client that has just connected is expected to send its request.
_FRESH = 0.25


class Exchange(ServerHandler):
    # Of wsgiref, which the stubs of Django do not follow.
    request_handler: Connection
    headers: Any

    def cleanup_headers(self) -> None:
        super().cleanup_headers()
        if self.request_handler.draining():
            self.headers["Connection"] = "close"
            self.request_handler.close_connection = True

    def send_headers(self) -> None:
        super().send_headers()
        content_type = self.headers.get("Content-Type") or ""
        if content_type.startswith("text/event-stream"):
            self.request_handler.endless = True


class Connection(WSGIRequestHandler):
    request: Any
    connection: Any
    server: Any

    #: From the first line of a request to the end of its response.
    busy = False
    #: The response is an event stream: its end is not waited for.
    endless = False
    #: Until the first request: when it may be taken for idle.
    idle_from = 0.0

    def setup(self) -> None:
        super().setup()
        self.idle_from = time.monotonic() + _FRESH
        self.server.connections[self.connection] = self

    def draining(self) -> bool:
        return bool(self.server.draining)

    def handle_one_request(self) -> None:
        self.busy = False
        self.raw_requestline = self.rfile.readline(65537)
        self.busy, self.idle_from = True, 0.0
        if len(self.raw_requestline) > 65536:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif self.parse_request():
            exchange = Exchange(self.rfile, self.wfile, self.get_stderr(), self.get_environ())
            exchange.request_handler = self
            exchange.run(self.server.get_app())
        if self.draining():
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name for it
        line, status, size = (*(str(arg) for arg in args), "", "", "")[:3]
        if line.startswith("\x16\x03"):  # how a TLS handshake begins
            access_log.note("A client spoke HTTPS to this server, which speaks HTTP only.", level=logging.ERROR)
        elif status.isdigit():
            access_log.write(line, status, size, status=int(status), request=self.request)
        else:
            access_log.note(format % args)

    def drain(self) -> None:
        """Bring an idle connection and an event stream to their end; called again and again while the worker ends."""
        if self.endless:
            self.hang_up()
        elif not self.busy and time.monotonic() >= self.idle_from:
            # What the client has sent already can still be read, and is answered; then reading finds the end.
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RD)

    def hang_up(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
