"""What a response says of its own recording: ``Server-Timing``, the exchange's id, and where the panel shows it.

The one place where recording adds to a response; only in DEBUG, only in Django's, and each by a switch of its own. The
headers are set after the last middleware, so nothing in the project sees them; a body is never looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache, wraps
from ipaddress import ip_address
from typing import Any, Final

from django.core.handlers.base import BaseHandler
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse

from .. import conf
from ..clocks import now
from ..exchange import format_id
from ..recording import Recording, current, faults
from .headers import passed

#: https://www.w3.org/TR/server-timing/
TIMING: Final = "Server-Timing"
EXCHANGE: Final = "X-Gateway-Exchange"
PANEL: Final = "X-Gateway-Panel"

_FORWARDED: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP")


def patches() -> Iterable[tuple[Any, str, Any]]:
    settings = conf.current()
    if not (settings.server_timing or settings.exchange_header):
        return
    synchronous = BaseHandler.get_response
    asynchronous = BaseHandler.get_response_async

    @wraps(synchronous)
    def get_response(self: BaseHandler, request: Any) -> Any:
        response = synchronous(self, request)
        _tell(request, response, settings)
        return response

    @wraps(asynchronous)
    async def get_response_async(self: BaseHandler, request: Any) -> Any:
        response = await asynchronous(self, request)
        _tell(request, response, settings)
        return response

    yield BaseHandler, "get_response", get_response
    yield BaseHandler, "get_response_async", get_response_async


def _tell(request: Any, response: Any, settings: conf.Settings) -> None:
    recording = current.get()
    if recording is None or recording.done or recording.discard:
        return
    try:
        if settings.exchange_header:
            number = format_id(recording.id)
            response.headers[EXCHANGE] = number
            link = panel_link(number) if from_here(request.META) else None
            if link is not None:
                response.headers[PANEL] = link
            else:
                # Of an earlier request: a project may give out one response again and again.
                response.headers.pop(PANEL, None)
        if settings.server_timing:
            _time(response, timing(recording))
        passed(recording, response, "django_gateway", now())
    except Exception as fault:
        faults.note(fault)


def timing(recording: Recording) -> str:
    """Milliseconds; ``middleware`` is without the view, ``total`` all until the response is handed over."""
    total = now() - recording.started
    middleware = max(recording.middleware_time - recording.view_time, 0)
    spans = (("middleware", middleware), ("view", recording.view_time), ("total", total))
    return ", ".join([f"{name};dur={took / 1e6:.2f}" for name, took in spans])


def _time(response: Any, own: str) -> None:
    """Behind what the project itself says there."""
    said = response.headers.get(TIMING)
    theirs, ours = getattr(response, "_gateway_timing", (None, None))
    if said is not None and said == ours:
        said = theirs  # the response of an earlier request, given out again
    whole = f"{said}, {own}" if said else own
    response.headers[TIMING] = whole
    response._gateway_timing = (said, whole)


def from_here(meta: Mapping[str, Any]) -> bool:
    """Whether the client is surely on this machine: a proxy's own address says nothing of its client's."""
    addresses = [meta.get("REMOTE_ADDR") or ""]
    for key in _FORWARDED:
        addresses += str(meta.get(key) or "").split(",") if key in meta else []
    return all(_is_loopback(address) for address in addresses)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.strip()).is_loopback
    except ValueError:
        return False


def panel_link(number: str) -> str | None:
    """Of the panel beside the server, else of one that the project has mounted; without a token, which is a secret."""
    address = os.environ.get(conf.PANEL_ADDRESS)
    if address:
        return f"{address}exchanges/{number}/"
    mounted = _mounted(get_urlconf(), get_script_prefix())
    return None if mounted is None else mounted.replace("0" * 16, number)


@lru_cache(64)
def _mounted(urlconf: Any, prefix: str) -> str | None:
    try:
        return reverse("django_gateway:exchange", urlconf, args=["0" * 16])
    except NoReverseMatch:
        return None
