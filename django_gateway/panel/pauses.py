"""How long a server took for what it was given: ``send()`` under ASGI, the time until it asks for more under WSGI."""

from __future__ import annotations

from itertools import pairwise

from .timeline.spans import Happening, Trail


def pauses(trail: Trail) -> dict[Happening, int]:
    """Nanoseconds by message or chunk. Under WSGI only where the server took more than a millisecond."""
    found = {each: each.returned - each.at for each in trail.named("http.response") if each.returned is not None}
    if trail.named("wsgi.next"):
        for chunk, after in pairwise(trail.named("wsgi.")):
            if chunk.name == "wsgi.body" and after.name == "wsgi.next":
                found[chunk] = after.at - chunk.at
    return found
