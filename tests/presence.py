"""Asking a handler, with the recorder and without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler

import recorders
from django_gateway.interfaces.wsgi import RecordedWSGI
from recorders import Recorded, serve, serve_asgi

HANDLERS: dict[str, Callable[[], BaseHandler]] = {"wsgi": WSGIHandler, "asgi": ASGIHandler}


def wrapped(recorded: Recorded, interface: str) -> Any:
    return recorded.wsgi(WSGIHandler()) if interface == "wsgi" else recorded.asgi(ASGIHandler())


def ask(application: Any, where: str, query: str = "") -> tuple[int, bytes]:
    """Status and body."""
    if isinstance(application, (WSGIHandler, RecordedWSGI)):
        answered = serve(application, recorders.environ(where, query))
        assert answered.status is not None, answered.error
        return int(answered.status[:3]), answered.body
    connection = asyncio.run(serve_asgi(application, recorders.scope(where, query)))
    assert connection.status is not None, connection.task.exception()
    return connection.status, connection.body
