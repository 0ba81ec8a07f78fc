"""The HTTP server of the panel's own process: Django's, with a thread for each connection, on a socket it is given."""

from __future__ import annotations

import io
import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from django.core.servers.basehttp import ServerHandler, ThreadedWSGIServer, WSGIRequestHandler

from .live import CONNECTION, DRAINING

logger = logging.getLogger(__name__)

#: Connections at a time; a further one is closed at once rather than kept waiting for a thread.
MOST: Final = 100
#: Seconds that a connection may say nothing, or not take what it is sent.
PATIENCE: Final = 30.0
#: Bytes of a request line.
LONGEST_LINE: Final = 65_536


class PanelServer(ThreadedWSGIServer):
    """``application`` is answered for on ``listener``; ``stop`` may be called from any thread or signal handler."""

    daemon_threads = True
    #: Threads are daemons and not joined: a list of those that ended would only grow.
    block_on_close = False

    def __init__(self, listener: socket.socket, application: Any, alive: Callable[[], bool]) -> None:
        self.address_family = listener.family
        # The base class makes a socket that it would bind; ours takes its place.
        super().__init__(("", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        name = listener.getsockname()
        self.server_address = name
        self.server_name, self.server_port = (
            (str(name[0]), int(name[1])) if isinstance(name, tuple) else ("localhost", 0)
        )
        self.draining = threading.Event()
        self._alive = alive
        self._places = threading.BoundedSemaphore(MOST)
        self.setup_environ()
        self.set_app(application)

    def setup_environ(self) -> None:
        super().setup_environ()
        self.base_environ[DRAINING] = self.draining

    def service_actions(self) -> None:
        """Called between requests and at least twice a second."""
        if not self._alive() or self.draining.is_set():
            self.draining.set()
            # shutdown() waits for the loop that calls this, hence another thread.
            threading.Thread(target=self.shutdown, daemon=True).start()

    def stop(self, *_: Any) -> None:
        self.draining.set()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def close_request(self, request: Any) -> None:
        # Without the base class' closing of database connections: there is no database here.
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("A connection broke off", exc_info=True)


class Answer(ServerHandler):
    """Head and body leave together. wsgiref writes them one by one, and the kernel would hold the body back until the
    client has acknowledged the head, for which a client may take 40 ms."""

    request_handler: Handler

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: list[bytes] = []

    def _write(self, data: bytes) -> None:
        self._waiting.append(data)

    def _flush(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        try:
            if data:
                super()._write(data)
        except OSError:
            # What the client has of it nobody knows: nothing can follow.
            self.request_handler.close_connection = True
            raise

    def close(self) -> None:
        self._flush()
        super().close()


class Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def setup(self) -> None:
        super().setup()
        connection: Any = self.connection
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            # Of a stream, one piece follows another: the second is not to wait for the first one's acknowledgement.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle_one_request(self) -> None:
        """As the base class has it, but for the class that answers."""
        self.raw_requestline = self.rfile.readline(LONGEST_LINE + 1)
        if len(self.raw_requestline) > LONGEST_LINE:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif self.parse_request():
            answer = Answer(self.rfile, self.wfile, self.get_stderr(), self.get_environ())
            answer.request_handler = self
            answer.run(self._application())

    def handle(self) -> None:
        try:
            super().handle()
        except (TimeoutError, ConnectionError):
            self.close_connection = True

    def _application(self) -> Any:
        assert isinstance(self.server, PanelServer)
        return self.server.get_app()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        # No name of the client is looked up, and none of the machine's own variables comes along.
        environ["REMOTE_HOST"] = ""
        environ[CONNECTION] = self.connection
        return environ

    def get_stderr(self) -> io.StringIO:
        # Where wsgiref would print a traceback for a client that stopped reading.
        return io.StringIO()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        logger.debug("%s %s", self.command, args[1] if len(args) > 1 else "")


def listen_on(descriptor: int) -> socket.socket:
    """The listening socket behind an inherited descriptor. Raises OSError where it is none."""
    listener = socket.socket(fileno=descriptor)
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.listen(64)
    os.set_inheritable(descriptor, False)
    return listener


# The environment is not part of any request: it may hold the token.
ServerHandler.os_environ = {}
