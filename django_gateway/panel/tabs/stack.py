"""Where something that has not ended is, or was when it was last looked at."""

from __future__ import annotations

from itertools import groupby

from ...exchange import IN_FLIGHT, Exchange
from ..libraries import is_library
from .base import Query, Subject, Values


def shows(exchange: Exchange) -> bool:
    return bool(exchange.stack)


def build(subject: Subject, query: Query) -> Values:
    frames = subject.exchange.stack or []
    return {
        "lives": subject.exchange.state == IN_FLIGHT,
        "pid": subject.exchange.server.pid,
        "groups": [{"library": library, "frames": list(found)} for library, found in groupby(frames, is_library)],
        "raised": frames[-1] if frames else None,
    }
