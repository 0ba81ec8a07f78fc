"""What a WSGI server hands over, as a recording begins with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from .. import native
from ..correlation import request_id
from ..exchange import HTTP, Handover
from ..legible import decoded, shortened
from ..recording import Recorder, Recording
from ..running import running_server
from . import descriptors

Environ = Mapping[str, Any]


def begin(recorder: Recorder, environ: Environ, vantage: str) -> Recording:
    """A recording with the handover in it, taken before the application can change the environ."""
    find = environ.get
    path = f"{find('SCRIPT_NAME', '')}{find('PATH_INFO', '')}"
    # PEP 3333 hands bytes over as latin-1 characters; people read UTF-8.
    if not path.isascii():
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    recording = Recording(recorder, "wsgi", HTTP, vantage, shortened(path))
    recording.handover = Handover("environ", recorder.environs.entries(environ))
    method = find("REQUEST_METHOD")
    recording.method = shortened(method) if isinstance(method, str) else None
    query = find("QUERY_STRING")
    if query:
        recording.query = recorder.redactor.query(decoded(query))
    correlation = find("HTTP_X_REQUEST_ID")
    if correlation:
        recording.request_id = request_id(correlation)
    port = find("REMOTE_PORT")
    address = find("REMOTE_ADDR") or ""
    recording.client = shortened(f"{address}:{port}" if port else decoded(address)) or None
    length = find("CONTENT_LENGTH")
    # More digits than any body has bytes: int() and SQLite have their limits, and a client can write what it likes.
    if length and isinstance(length, str) and length.isdecimal() and len(length) < 19:
        recording.bytes_in = int(length)
    descriptor = descriptors.of_environ(environ)
    if descriptor is not None:
        recording.descriptor = descriptor
    software = find("SERVER_SOFTWARE")
    recording.server = _server(shortened(software) if isinstance(software, str) else None)
    return recording


@cache
def _server(software: str | None) -> tuple[str | None, str | None]:
    """What gatewayserve says it has started, or else what the server says of itself."""
    if not software or "GATEWAY_SERVER" in os.environ:
        return running_server()
    name, _, version = software.partition("/")
    return name, version or None


_begin = begin

if not TYPE_CHECKING and native.core is not None:
    native.core.hand_over(globals())
    begin = native.core.begin_wsgi
