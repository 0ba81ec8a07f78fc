"""What the close codes of WebSockets mean (RFC 6455, section 7.4, and the registry that it founded)."""

from __future__ import annotations

from typing import Final, NamedTuple


class Code(NamedTuple):
    name: str
    meaning: str


_CODES: Final = {
    1000: Code("normal closure", "The conversation was over, and the one who closed said so."),
    1001: Code("going away", "The page was left or closed, or the server is stopping."),
    1002: Code("protocol error", "The other side broke the rules of the WebSocket protocol."),
    1003: Code("unsupported data", "A type of data came that the receiver can't take, such as binary instead of text."),
    1005: Code("no code", "The connection was closed without a code. It is never sent: it stands for its absence."),
    1006: Code(
        "abnormal closure",
        "The connection broke off without a closing frame: a network or a process went away. It is never sent.",
    ),
    1007: Code("invalid data", "A message was not what it said it was, such as text that is no UTF-8."),
    1008: Code("policy violation", "A message broke a rule of the receiver's own."),
    1009: Code("message too big", "A message was larger than the receiver takes."),
    1010: Code("extension missing", "The client wanted an extension that the server did not offer."),
    1011: Code("internal error", "The application failed: an exception that nobody caught, as a 500 is for a request."),
    1012: Code("service restart", "The server restarts; the client may connect again after a moment."),
    1013: Code("try again later", "The server has too much to do just now."),
    1014: Code("bad gateway", "A proxy got an invalid answer from the server behind it."),
    1015: Code("TLS failure", "The encrypted connection could not be made. It is never sent."),
}


def described(code: int | None) -> Code:
    if code is None:
        return _CODES[1005]
    if code in _CODES:
        return _CODES[code]
    if 3000 <= code < 4000:
        return Code("registered", "A code that a library or framework has registered with IANA.")
    if 4000 <= code < 5000:
        return Code("the application's own", "A code from the range 4000 to 4999, whose meaning the application chose.")
    return Code("reserved", "A code that RFC 6455 does not let anybody send.")
