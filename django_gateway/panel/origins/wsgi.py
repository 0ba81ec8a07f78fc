"""The keys of an environ that WSGI defines (PEP 3333), and those that WSGI servers add."""

from __future__ import annotations

from typing import Final

from .base import CONNECTION, INTERFACE, REQUEST_LINE, SERVER, Origin

_PEP: Final = "PEP 3333, environ Variables"

KEYS: Final[dict[str, Origin]] = {
    "wsgi.version": Origin(INTERFACE, "The version of WSGI: (1, 0) for all that exists.", _PEP, "asgi"),
    "wsgi.url_scheme": Origin(
        f"{CONNECTION}: with TLS or not",
        "http or https, as the server knows it, or as it believes a proxy. request.is_secure() asks it.",
        "PEP 3333, URL Reconstruction",
        "scheme",
    ),
    "wsgi.input": Origin(
        f"{CONNECTION}: the body",
        "A stream from which the application reads the request's body. Nothing is read before somebody asks.",
        "PEP 3333, Input and Error Streams",
        "receive()",
    ),
    "wsgi.errors": Origin(
        SERVER, "A text stream for messages; it ends in the server's error log.", "PEP 3333, Input and Error Streams"
    ),
    "wsgi.multithread": Origin(
        "the server's options",
        "Whether another thread of this process may call the application at the same time.",
        _PEP,
    ),
    "wsgi.multiprocess": Origin(
        "the server's options", "Whether another process may be serving the same application.", _PEP
    ),
    "wsgi.run_once": Origin(
        "the server's options", "Whether this process serves one request and ends, as CGI does.", _PEP
    ),
    "wsgi.file_wrapper": Origin(
        SERVER,
        "Wraps an open file so that the server can send it by itself, in the best case without copying. Django's"
        " FileResponse uses it.",
        "PEP 3333, Optional Platform-Specific File Handling",
        "extensions",
    ),
    "wsgi.input_terminated": Origin(
        SERVER,
        "The body's stream ends by itself, so it can be read to its end even where its length is not told. No"
        " specification has it; servers agree on the name.",
    ),
    "wsgi.early_hints": Origin(
        SERVER,
        "Sends a 103 answer ahead of the real one, so that the browser can begin to load.",
        "RFC 8297",
        "extensions",
    ),
    "wsgi.url_encoding": Origin(SERVER, "The encoding by which Cheroot's second WSGI gateway decoded the path."),
    "wsgi.websocket": Origin(SERVER, "The WebSocket of gevent-websocket, where the request asked for one."),
    "gunicorn.socket": Origin(
        f"{CONNECTION} itself", "The connected socket. Who writes to it does so behind the server's back."
    ),
    "gunicorn.sock": Origin(f"{CONNECTION} itself", "The socket as gunicorn's gevent workers call it."),
    "gunicorn.http2.priority_weight": Origin("HTTP/2 frame", "The weight that the client gave this stream."),
    "gunicorn.http2.priority_depends_on": Origin(
        "HTTP/2 frame", "The stream on which the client made this one depend."
    ),
    "gunicorn.http2.send_trailers": Origin(SERVER, "Sends headers after the body (gunicorn, HTTP/2)."),
    "waitress.client_disconnected": Origin(
        f"{CONNECTION}, looked at when called",
        "Says whether the client has gone. It needs the option channel_request_lookahead.",
        "",
        "receive() of http.disconnect",
    ),
    "uwsgi.version": Origin("a constant of the server", "The version of uWSGI."),
    "uwsgi.node": Origin("the machine", "The host name of the machine that uWSGI runs on."),
    "uwsgi.core": Origin(SERVER, "Which of the worker's threads or greenlets serves this request."),
    "werkzeug.socket": Origin(f"{CONNECTION} itself", "The connected socket, from Werkzeug's development server."),
    "werkzeug.request": Origin("the application", "Werkzeug's own request object."),
    "mod_wsgi.request_start": Origin(
        "Apache's clock", "When Apache had the request, in microseconds since 1970.", "mod_wsgi, request environment"
    ),
    "mod_wsgi.queue_start": Origin(
        "Apache's clock",
        "When the request began to wait for a daemon process, in microseconds since 1970.",
        "mod_wsgi, request environment",
    ),
    "mod_wsgi.daemon_start": Origin(
        "the daemon's clock",
        "When a daemon process took the request, in microseconds since 1970. The difference to queue_start is waiting.",
        "mod_wsgi, request environment",
    ),
    "mod_wsgi.script_start": Origin("the daemon's clock", "When the WSGI script began to be loaded."),
    "mod_wsgi.daemon_connects": Origin("Apache", "How many tries it took to reach the daemon process."),
    "mod_wsgi.daemon_restarts": Origin(
        "Apache", "How often the daemon asked for another try because it was restarting."
    ),
    "mod_wsgi.version": Origin("a constant of the server", "The version of mod_wsgi."),
    "mod_wsgi.process_group": Origin("Apache's WSGIProcessGroup", "The daemon process group; empty in embedded mode."),
    "mod_wsgi.application_group": Origin(
        "Apache's WSGIApplicationGroup", "The Python sub-interpreter; empty means the main one."
    ),
    "mod_wsgi.callable_object": Origin("Apache's WSGICallableObject", "The name of the callable: “application”."),
    "mod_wsgi.request_handler": Origin("Apache's AddHandler or WSGIScriptAlias", "How Apache came to ask mod_wsgi."),
    "mod_wsgi.handler_script": Origin("Apache's WSGIHandlerScript", "The script that handles this type of file."),
    "mod_wsgi.script_reloading": Origin(
        "Apache's WSGIScriptReloading", "Whether a changed script file is loaded anew."
    ),
    "mod_wsgi.listener_host": Origin(f"{CONNECTION}: the listening socket", "The address that Apache listens on."),
    "mod_wsgi.listener_port": Origin(f"{CONNECTION}: the listening socket", "The port that Apache listens on."),
    "mod_wsgi.enable_sendfile": Origin("Apache's WSGIEnableSendfile", "Whether the kernel may send files by itself."),
    "mod_wsgi.ignore_activity": Origin(
        "Apache's configuration", "Whether this request counts when idle daemons are stopped."
    ),
    "mod_wsgi.path_info": Origin(f"{REQUEST_LINE}, percent-decoded", "PATH_INFO as Apache had it before mod_wsgi."),
    "mod_wsgi.script_name": Origin("Apache's configuration", "SCRIPT_NAME as Apache had it before mod_wsgi."),
    "mod_wsgi.thread_id": Origin("the daemon", "The number of the thread within its process."),
    "mod_wsgi.thread_requests": Origin("the daemon", "How many requests this thread has served."),
    "mod_wsgi.total_requests": Origin("the daemon", "How many requests this process has served."),
    "mod_wsgi.connection_id": Origin("Apache", "A number of the connection, for logs."),
    "mod_wsgi.request_id": Origin("Apache", "A number of the request, for logs."),
    "mod_ssl.is_https": Origin("Apache's mod_ssl", "A function that tells whether the connection is encrypted."),
    "mod_ssl.var_lookup": Origin("Apache's mod_ssl", "A function that looks up a variable of the TLS connection."),
    "apache.version": Origin("a constant of the server", "The version of Apache as three numbers."),
}

#: Families of keys by what stands before the first dot.
FAMILIES: Final[dict[str, Origin]] = {
    "wsgi": Origin(INTERFACE, "A key in WSGI's own name space that PEP 3333 does not define.", _PEP, known=False),
    "gunicorn": Origin(SERVER, "An extension of gunicorn's own."),
    "waitress": Origin(SERVER, "An extension of Waitress's own."),
    "uwsgi": Origin(SERVER, "An extension of uWSGI's own."),
    "granian": Origin(SERVER, "An extension of Granian's own."),
    "cheroot": Origin(SERVER, "An extension of Cheroot's own."),
    "mod_wsgi": Origin(SERVER, "An extension of mod_wsgi's own.", "mod_wsgi, request environment"),
    "mod_ssl": Origin(SERVER, "From Apache's mod_ssl, by way of mod_wsgi."),
    "apache": Origin(SERVER, "From Apache, by way of mod_wsgi."),
    "werkzeug": Origin(SERVER, "An extension of Werkzeug's own."),
    "paste": Origin("WSGI middleware", "Left by Paste or by a middleware in its tradition."),
    "x-wsgiorg": Origin("WSGI middleware", "A convention that WSGI middleware agreed on without a specification."),
    "wsgiorg": Origin("WSGI middleware", "A convention that WSGI middleware agreed on without a specification."),
}
