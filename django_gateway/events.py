"""The names of events and what each tells: the words of an exchange's trail."""

from __future__ import annotations

from typing import Any, Final

#: An event is a tuple ``(name, instant, *fields)``: nothing cheaper can be made while a request is served.
Event = tuple[Any, ...]

#: What follows ``(name, instant)`` in each event. Names of the interface are the specifications' own (PEP 3333, the
#: ASGI specification); a name that ends in ``started`` is followed by one in ``finished`` or ``failed``.
EVENT_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "wsgi.start_response": ("status", "exc_info"),
    "wsgi.write": ("size",),
    "wsgi.returned": ("iterable",),
    "wsgi.body": ("size",),
    "wsgi.close": (),
    "http.request": ("size", "more_body"),
    "http.request.other": ("type",),
    "http.disconnect": (),
    # ``returned`` is the instant at which the server's send() gave control back: a slow client shows here.
    "http.response.start": ("status", "returned"),
    "http.response.body": ("size", "more_body", "returned"),
    "http.response.other": ("type", "returned"),
    "websocket.connect": (),
    "websocket.accept": ("subprotocol", "returned"),
    "websocket.receive": ("kind", "size", "excerpt"),
    "websocket.send": ("kind", "size", "excerpt", "returned"),
    "websocket.disconnect": ("code", "reason"),
    "websocket.close": ("code", "reason", "returned"),
    "lifespan.startup": (),
    "lifespan.startup.complete": ("returned",),
    "lifespan.startup.failed": ("message", "returned"),
    "lifespan.shutdown": (),
    "lifespan.shutdown.complete": ("returned",),
    "lifespan.shutdown.failed": ("message", "returned"),
    "django.signal.started": ("signal",),
    "django.signal.finished": ("signal",),
    "django.middleware.started": ("middleware", "mode"),
    "django.middleware.finished": ("middleware", "status"),
    "django.hook.started": ("middleware", "hook"),
    "django.hook.finished": ("middleware", "hook"),
    "django.resolver.started": (),
    "django.resolver.finished": ("route",),
    "django.resolver.failed": ("exception",),
    "django.view.started": ("view", "mode"),
    "django.view.finished": ("view",),
    "django.view.failed": ("view", "exception"),
    "django.template.started": ("template",),
    "django.template.finished": ("template",),
    "django.exception": ("exception", "status"),
    "django.response.close": (),
    "asgi.cancelled": (),
    # One event for a whole crossing, written when it is over; its instant is when the caller set out.
    # ``entered`` and ``left`` are the instants in the other place, ``returned`` the caller's own again.
    "crossing.to_thread": ("function", "thread", "entered", "left", "returned"),
    "crossing.to_loop": ("function", "thread", "entered", "left", "returned"),
    # CGI (RFC 3875), where a process serves one request. ``cpu`` is what the process had used by then and ``kept`` what
    # it took to write the exchange into the store, in nanoseconds; ``memory`` is the most it had, in bytes.
    "cgi.process.started": ("source",),
    "cgi.interpreter.ready": ("cpu",),
    "cgi.recorder.loaded": ("cpu",),
    "cgi.application.loaded": ("cpu", "modules"),
    "cgi.stdin.started": (),
    "cgi.stdin.finished": ("size", "excerpt"),
    # HTTP_PROXY was in the environment, from a header ``Proxy``, and was taken out (CVE-2016-5385).
    "cgi.httpoxy": (),
    "cgi.disconnect": ("reason",),
    "cgi.process.finished": ("cpu", "memory", "kept"),
    # An ASGI application inside the outermost one was called; ``added`` is what its scope had that the one before did
    # not get, ``[key, value]`` each, and ``branch`` where it, a router, sends the scope.
    "asgi.entered": ("application", "branch", "added"),
    "channels.dispatch.started": ("consumer", "handler", "mode"),
    "channels.dispatch.finished": ("consumer", "handler"),
    "channels.dispatch.failed": ("consumer", "handler", "exception"),
    # A channel layer's operations, written when they are over; ``type`` is the message's.
    "channels.send": ("channel", "type", "exception", "returned"),
    "channels.receive": ("channel", "type"),
    "channels.group_add": ("group", "channel", "exception", "returned"),
    "channels.group_discard": ("group", "channel", "exception", "returned"),
    "channels.group_send": ("group", "type", "exception", "returned"),
    # Database connections; ``max_age`` is CONN_MAX_AGE in seconds, None for no end.
    "django.database.opened": ("alias", "vendor", "thread", "exception", "returned"),
    "django.database.reused": ("alias", "vendor", "thread"),
    "django.database.closed": ("alias", "thread"),
    "django.database.left_open": ("alias", "thread", "max_age"),
    # Names of response headers that were other on the way out of ``by`` than before; cookies as ``Set-Cookie: name``.
    "django.headers": ("by", "added", "changed", "removed"),
    # ``tried`` are the last of ``count`` attempts, ``[patterns, name]`` each: from the outer URLconf's pattern to the
    # included one's. Of a match the last attempt is the one that matched.
    "django.route.matched": ("tried", "count", "converters", "wrappers"),
    "django.route.unmatched": ("tried", "count"),
    # The request's body, read or parsed for the first time; ``by`` is the function that asked for it.
    "django.body.read": ("how", "by", "size", "exception", "returned"),
    # A crossing's call had to wait in an executor's queue: its instant and thread are those of the crossing, ``ahead``
    # the calls that had been handed to the executor before it and had not ended.
    "crossing.queued": ("thread", "ahead"),
    # A crossing ("to_thread", "to_loop") that its process did not live to see the end of; nobody else writes it.
    "crossing.under_way": ("direction", "function"),
    # A call in a thread that went on though its caller was cancelled: the instant at which it ended.
    "crossing.ran_on": ("function", "thread"),
    # The server asked for another chunk of a body some time after it had been given the one before.
    "wsgi.next": (),
    # The server closed a body before it had asked for its end.
    "wsgi.abandoned": (),
    # Django was cancelled ``during`` one of its handler's methods: "run_get_response" or "send_response".
    "django.cancelled": ("during",),
}

#: Fields of events that are instants themselves.
INSTANT_FIELDS: Final = frozenset({"returned", "entered", "left"})
#: Fields of events that are spans of time, in nanoseconds.
DURATION_FIELDS: Final = frozenset({"cpu", "kept"})
