"""The file descriptor of the connection that a request came on, where its server lets it be seen.

Neither PEP 3333 nor the ASGI specification has it. Asked are names that a server documents or has had for years; where
there are none, as with Waitress, Hypercorn, Granian and mod_wsgi, the descriptor stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from io import BufferedReader
from socket import SocketIO
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .. import native


def of_environ(environ: Mapping[str, Any]) -> int | None:
    """Gunicorn hands over its socket, uWSGI tells; wsgiref has a reader of it, Django's own server one around that."""
    try:
        told = environ.get("gunicorn.socket")
        if told is None:
            told = environ.get("wsgi.input")
            told = getattr(getattr(told, "_read", None), "__self__", told)
            if type(told) is not BufferedReader or type(told.raw) is not SocketIO:
                if "uwsgi.version" not in environ:
                    return None
                import uwsgi

                return _number(uwsgi.connection_fd())
        return _number(told.fileno())
    except Exception:
        return None


def of_send(send: Any) -> int | None:
    """uvicorn's ``send`` is a method of what has asyncio's transport; Daphne's is given what has Twisted's."""
    try:
        if type(send) is FunctionType:
            send = send.__dict__.get("__wrapped__", send)
        owner = send.args[0] if type(send) is partial else getattr(send, "__self__", None)
        transport = getattr(owner, "transport", None)
        if transport is None:
            return None
        ask = getattr(transport, "get_extra_info", None)
        told = transport.getHandle() if ask is None else ask("socket")
        return _number(told.fileno())
    except Exception:
        return None


def _number(told: Any) -> int | None:
    """A socket that is closed has -1."""
    return told if type(told) is int and told >= 0 else None


_of_send = of_send

if not TYPE_CHECKING and native.core is not None:
    of_send = native.core.of_send
