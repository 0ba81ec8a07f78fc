"""Why a proxy answered as it did, in words, where it was the proxy and not the application that decided."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from .base import Sight

_REFUSED: Final = {
    400: "{0} could not understand the request.",
    403: "{0} does not give this away.",
    405: "{0} serves files here, and files take no such method.",
    408: "The client took too long to send its request.",
    413: "The body is larger than what {0} lets through.",
    414: "The address is longer than what {0} reads.",
    416: "The file has no such range.",
    421: "The name is none that {0} serves.",
    431: "The request's headers are larger than what {0} reads.",
    494: "The request's headers are larger than what {0} reads.",
    495: "The client's certificate did not convince {0}.",
    497: "The client spoke plain HTTP where {0} speaks HTTPS.",
    505: "{0} does not speak this version of HTTP.",
}


def reason(sight: Sight, proxy: str, folders: Collection[str]) -> str | None:
    """``folders`` are the paths below which the proxy serves files. None where the application's answer went out."""
    status = sight.status
    left = status == 499 or (status is None and sight.complete is False)
    if left and sight.first_byte is None and sight.upstream_status is None:
        asked = "before the application was asked" if sight.upstream is None else "before the application had answered"
        return f"The client left {asked}."
    if sight.upstream is None:
        return _alone(sight, proxy, folders)
    if status == sight.upstream_status and status is not None:
        return "The client left before it had all of the answer." if sight.complete is False else None
    if status == 502:
        if sight.reached is None:
            return f"{proxy} got no answer: the application could not be reached, took too long, or its worker died."
        if not sight.reached:
            return f"{proxy} could not connect to the application."
        return f"The application's worker closed the connection before it had answered {proxy}: it may have died."
    if status == 503 and sight.upstream_status is None and sight.upstream == "":
        return None  # Apache does not say whether it was the application that answered so
    if status == 504:
        return f"The application had answered nothing when {proxy} would wait no longer."
    if left or sight.complete is False:
        return "The client left before it had all of the answer."
    return _REFUSED[status].format(proxy) if status in _REFUSED and sight.upstream_status is None else None


def _alone(sight: Sight, proxy: str, folders: Collection[str]) -> str:
    status = sight.status
    if any(sight.path.startswith(folder) for folder in folders):
        if status == 404:
            return f"{proxy} found no such file."
        if status == 304:
            return f"The client has the file already, {proxy} said."
        if status in (200, 206):
            return f"A file, which {proxy} served itself."
    if status is None:
        return f"{proxy} closed the connection without an answer."
    if status in _REFUSED:
        return _REFUSED[status].format(proxy)
    if 300 <= status < 400:
        return f"{proxy} answered with another address."
    if status == 503:
        return f"{proxy} could not reach the application."
    return f"{proxy} answered itself."
